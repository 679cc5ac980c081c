"""What the tests of the Collector share: its binary, and the configurations as a pipeline gets them."""

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
def configurations(pipelines: Callable[..., Path]) -> Path:
    """Return collector/ of a rendered pipeline, which has the configurations of an agent and of a gateway."""
    return pipelines() / "collector"
