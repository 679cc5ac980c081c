"""What the tests of the pipeline share: the Collector, and the configurations as a service gets them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .build import collector


@pytest.fixture(scope="session")
def binary() -> Path:
    """Return the real Collector; skip where Go, which builds it, is missing, but never in CI."""
    try:
        return collector()
    except FileNotFoundError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def configurations(rendered: Callable[..., Path]) -> Path:
    """Return deploy/collector/ of a rendered service."""
    return rendered() / "deploy" / "collector"
