"""Modules of telemetry/ for tests that need no rendered service."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from . import template

NAME = "telemetry_under_test"


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Any]:
    """Return modules of telemetry/, imported without the rest of their package."""
    package = ModuleType(NAME)
    package.__path__ = [str(template.PROJECT / template.TELEMETRY)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, NAME, package)
        export = ("answers", "sending", "retrying", "points", "items", "outage")
        parts = {part: importlib.import_module(f"{NAME}.export.{part}") for part in export}
        yield SimpleNamespace(**parts, span_counts=importlib.import_module(f"{NAME}.span_counts"))
        for part in [part for part in sys.modules if part.startswith(f"{NAME}.")]:
            del sys.modules[part]
