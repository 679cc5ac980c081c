"""Fixtures for all tests; those for telemetry (spans, metrics, logs) are in tests/telemetry/fixtures.py."""

import importlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

pytest_plugins = ("tests.telemetry.fixtures",)


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Run the application, with its start and its end, for one test."""
    from .telemetry.fixtures import PACKAGE

    app = importlib.import_module(f"{PACKAGE}.app").app
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
