"""Who owns a file decides what it may use: a service's own files and `telemetry` meet at the names in `__all__`."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .test_dependencies import ANSWERS

Rendered = Callable[..., Path]
FRAMEWORKS = ANSWERS["framework"]

# The command line is the only way to the doctor, and loads it only when it is asked for.
DOCTOR = ("__main__.py", "doctor")


def public(project: Path) -> set[str]:
    """Return the names in `__all__` of telemetry."""
    (path,) = project.glob("src/*/telemetry/__init__.py")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    raise LookupError("telemetry has no __all__")


def outside(project: Path) -> list[Path]:
    """Return the Python files that are not in telemetry/, tests/telemetry/ or .template/, gunicorn.conf.py included."""
    paths = (path.relative_to(project) for path in sorted(project.rglob("*.py")))
    return [path for path in paths if "telemetry" not in path.parts and path.parts[0] not in (".template", ".venv")]


def used(source: str, in_src: bool = True) -> Iterator[str]:
    """Yield the names that a module takes from telemetry: by an import, as an attribute or in a string.

    Outside of src/ a relative import is one of tests/telemetry/, which has the fixtures.
    """
    tree = ast.parse(source)
    names = {"telemetry"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (in_src or not node.level):
            module = node.module or ""
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "telemetry"}
            if re.search(r"(^|\.)telemetry$", module):
                yield from (alias.name for alias in node.names)
            elif inner := re.search(r"(?:^|\.)telemetry\.(.+)", module):
                yield inner[1]
        elif isinstance(node, ast.Import):
            yield from (name for alias in node.names for name in re.findall(r"\.telemetry\.(.+)", alias.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "tests.telemetry" not in node.value:
            yield from re.findall(r"\.telemetry\.(\w+)", node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            yield node.attr


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_only_public_names_are_used(framework: str, rendered: Rendered) -> None:
    """No file outside of telemetry/ imports or reaches a module of it; what they use is in `__all__`."""
    project = rendered(framework=framework)
    found = {
        (path.name, name)
        for path in outside(project)
        for name in used((project / path).read_text(), in_src=path.parts[0] == "src")
    }
    assert DOCTOR in found
    assert {"configure", "shutdown"} <= {name for _, name in found}
    assert {(file, name) for file, name in found if name not in public(project)} == {DOCTOR}


@pytest.mark.parametrize(
    "source",
    [
        "from .telemetry import masking",
        "from .telemetry.masking import scrub",
        "from payment_service.telemetry.masking import scrub",
        "import payment_service.telemetry.masking",
        "from . import telemetry\ntelemetry.masking.scrub('')",
        "from . import telemetry as t\nt.masking.scrub('')",
        "import importlib\nimportlib.import_module('payment_service.telemetry.masking')",
        "import importlib\nPACKAGE = 'a'\nimportlib.import_module(f'{PACKAGE}.telemetry.masking')",
    ],
)
def test_each_way_into_a_module_is_found(source: str) -> None:
    """The test above sees every form of an import."""
    assert [name.partition(".")[0] for name in used(source)] == ["masking"]


def test_the_default_lines_are_those_of_log_lines(rendered: Rendered) -> None:
    """A service without log_lines.py writes the same lines: the function is the same in both places."""
    (source,) = rendered().glob("src/*")
    functions = [
        ast.unparse(node)
        for file in ("log_lines.py", "telemetry/log_format.py")
        for node in ast.parse((source / file).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "write_to_stdout"
    ]
    assert len(functions) == 2
    assert functions[0] == functions[1]
