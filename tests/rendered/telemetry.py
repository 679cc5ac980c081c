"""Imports parts of a rendered service's telemetry/ into this process, without what the whole package sets up."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

NAME = "telemetry_of_a_render"


@contextmanager
def imported(project: Path, *parts: str) -> Iterator[Any]:
    """Give the modules of these names as attributes; they are forgotten afterwards."""
    (folder,) = project.glob("src/*/telemetry")
    package = ModuleType(NAME)
    package.__path__ = [str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, NAME, package)
        yield SimpleNamespace(**{part: importlib.import_module(f"{NAME}.{part}") for part in parts})
        for name in [name for name in sys.modules if name.startswith(f"{NAME}.")]:
            del sys.modules[name]
