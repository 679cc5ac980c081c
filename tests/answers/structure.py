"""What a rendered file says, apart from how it is written: so that two renders can be compared."""

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

yaml = importlib.import_module("yaml")


def python(source: str) -> Any:
    """Return a Python source as nested lists of its syntax tree."""

    def plain(node: Any) -> Any:
        if isinstance(node, ast.AST):
            return [type(node).__name__, *(plain(value) for _, value in ast.iter_fields(node))]
        return [plain(item) for item in node] if isinstance(node, list) else node

    return plain(ast.parse(source))


PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".py": python,
    ".toml": tomllib.loads,
    ".yaml": lambda source: list(yaml.safe_load_all(source)),
    ".yml": lambda source: list(yaml.safe_load_all(source)),
}


def structure(project: Path) -> dict[str, Any]:
    """Return, for each file of a project, what its format makes of it; the text, where it has none."""
    return {
        str(path.relative_to(project)): PARSERS.get(path.suffix, str)(path.read_text(encoding="utf-8"))
        for path in sorted(project.rglob("*"))
        if path.is_file()
    }


def substituted(data: Any, values: Mapping[str, str]) -> Any:
    """Return the data with each key of `values`, wherever it stands in a string, replaced by its value."""
    if isinstance(data, str):
        return re.sub("|".join(values), lambda match: values[match[0]], data)
    if isinstance(data, list):
        return [substituted(item, values) for item in data]
    if isinstance(data, dict):
        return {substituted(key, values): substituted(value, values) for key, value in data.items()}
    return data
