"""What running services need: projects that are installed once, and certificates."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ..harness.certificates import Authority
from ..harness.service import install, render

Projects = Callable[[str], Path]


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """Return a function from an otlp_protocol to the default service, installed; each is made once in a session."""

    @cache
    def project(protocol: str) -> Path:
        return install(render(tmp_path_factory.mktemp(protocol), otlp_protocol=protocol))

    return project


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority whose certificates are good for this session."""
    return Authority(tmp_path_factory.mktemp("certificates"))
