"""Imports modules of the template's telemetry/ without rendering a service."""

import importlib
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import template


@cache
def settings(protocol: str) -> Any:
    """Return the package telemetry.settings as a service with this otlp_protocol has it."""
    name = f"telemetry_of_{protocol}"
    package = ModuleType(name)
    with tempfile.TemporaryDirectory() as folder:
        for source in (template.PROJECT, template.PROJECT / "options" / "otlp_protocol" / protocol):
            shutil.copytree(source / template.TELEMETRY, Path(folder), dirs_exist_ok=True)
        package.__path__ = [folder]
        sys.modules[name] = package
        return importlib.import_module(f"{name}.settings")
