"""Writes the table of modules in docs/architecture.md from the files themselves."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from . import template

PAGE = template.ROOT / "docs" / "architecture.md"
BEGIN = "<!-- modules: begin -->\n"
END = "<!-- modules: end -->\n"
HEAD = "| module | services | what it does | imports |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page as it stands, with the table of today's modules."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + HEAD + "".join(rows()) + END + after


def rows() -> Iterator[str]:
    """Yield a row for each module of telemetry/."""
    for path in sorted(template.python(template.TELEMETRY), key=lambda path: (place(path), template.room(path))):
        services = template.room(path)[1:] or ("all",)
        imported = ", ".join(f"`{name}`" for name in imports(path)) or "-"
        yield f"| `{place(path)}` | {services[0]} | {purpose(path)} | {imported} |\n"


@cache
def modules() -> frozenset[str]:
    """Return the paths of all modules of telemetry/."""
    return frozenset(place(path) for path in template.python(template.TELEMETRY))


def place(path: Path) -> str:
    """Return a module's path below the package: telemetry/export/otlp.py."""
    return template.place(path).removeprefix(template.PACKAGE)


def purpose(path: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(template.tree(path))
    assert docstring, f"{place(path)} must have a docstring"
    return docstring.partition("\n")[0].replace("|", "/")


def imports(path: Path) -> list[str]:
    """Return the modules of telemetry/ that a file imports, as paths below telemetry/, in order."""
    folder = place(path).split("/")[:-1]
    found = set()
    for level, name in template.imports(path):
        if level == 0:
            continue
        target = "/".join([*folder[: len(folder) - level + 1], *name.split(".")])
        package = target.rpartition("/")[0]
        # The name is a module, a package, or something in a module or in a package's __init__.py.
        candidates = (f"{target}.py", f"{target}/__init__.py", f"{package}.py", f"{package}/__init__.py")
        known = [candidate for candidate in candidates if candidate in modules()]
        assert known, f"{place(path)} imports {name}, which is no module of telemetry/"
        found.add(known[0].removeprefix("telemetry/"))
    return sorted(found)


if __name__ == "__main__":
    PAGE.write_text(page())
