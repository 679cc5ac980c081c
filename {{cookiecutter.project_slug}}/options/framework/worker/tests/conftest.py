"""Fixtures for all tests; those for telemetry (spans, metrics, logs) are in tests/telemetry/fixtures.py."""

pytest_plugins = ("tests.telemetry.fixtures",)
