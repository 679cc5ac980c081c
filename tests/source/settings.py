"""Imports the template's settings.py without the rest of a service."""

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

from . import template


@cache
def settings(protocol: str) -> Any:
    """Return settings.py as a service with this otlp_protocol has it."""
    name = f"settings_of_{protocol}"
    package = ModuleType(name)
    room = template.PROJECT / "options" / "otlp_protocol" / protocol
    package.__path__ = [str(folder / template.TELEMETRY) for folder in (template.PROJECT, room)]
    sys.modules[name] = package
    return importlib.import_module(f"{name}.settings")
