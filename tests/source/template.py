"""The template's own files, read as they are: unrendered, each by the place that it has in a rendered service."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
HOOKS = sorted((ROOT / "hooks").glob("*.py"))
ANSWERS = json.loads((ROOT / "cookiecutter.json").read_text())
PACKAGE = "src/{{cookiecutter.package_name}}/"
TELEMETRY = PACKAGE + "telemetry/"


def files(suffix: str = "") -> list[Path]:
    """Return the template's files, those in options/ included and tools' caches not, whose name ends in `suffix`."""
    cache = re.compile(r"(__py|.*_)cache(__)?")
    paths = (
        path for path in sorted(PROJECT.rglob("*")) if path.is_file() and unconditional(path.name).endswith(suffix)
    )
    return [path for path in paths if not any(map(cache.fullmatch, path.parts))]


def unconditional(name: str) -> str:
    """Return the name of a file that only some answers have, without its condition."""
    return re.sub(r"\{%.*?%\}", "", name)


def place(path: Path) -> str:
    """Return where a file ends up: its path without options/<question>/<value>/."""
    parts = path.relative_to(PROJECT).parts
    return unconditional("/".join(parts[3:] if parts[0] == "options" else parts))


def room(path: Path) -> tuple[str, ...]:
    """Return the question and value of a file in options/, and nothing for a file of the root."""
    parts = path.relative_to(PROJECT).parts
    return parts[1:3] if parts[0] == "options" else ()


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of an unrendered Python file."""
    return ast.parse(path.read_text(), str(path))


def python(under: str = "") -> list[Path]:
    """Return the Python files that end up below `under`."""
    return [path for path in files(".py") if place(path).startswith(under)]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each dotted name that a file imports, with the number of its leading dots."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names)


def importers(*packages: str) -> set[str]:
    """Return the places below src/ of the files that import one of the packages, or anything in them."""
    pattern = "|".join(map(re.escape, packages))
    return {
        place(path).removeprefix(PACKAGE)
        for path in python("src/")
        if any(level == 0 and re.fullmatch(rf"({pattern})(\..+)?", name) for level, name in imports(path))
    }
