"""Reads telemetry's tables of messages without importing the service."""

import ast
from typing import Any

from . import template


def assigned(module: str, name: str) -> Any:
    """Return the literal that a module of telemetry/ assigns to a name."""
    (path,) = template.python(f"{template.TELEMETRY}{module}.py")[:1]
    for node in template.tree(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise LookupError(f"{module}.py assigns no literal to {name}")


def findings(name: str) -> Any:
    """Return one of the tables of doctor/findings.py."""
    return assigned("doctor/findings", name)
