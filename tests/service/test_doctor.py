"""`doctor` says that telemetry arrives if, and only if, a real receiver got it."""

import time
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.service import uv

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sampler", ["always_on", "parentbased_traceidratio"])
def test_ok_means_that_a_span_arrived(protocol: Any, sampler: str, projects: Projects) -> None:
    """One span, one metric and one log record are there when it exits with 0, whatever the sampler would keep."""
    with Receiver(protocol) as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_TRACES_SAMPLER": sampler}
        variables |= {"OTEL_TRACES_SAMPLER_ARG": "0.000001", "OTEL_LOGS_EXPORTER": "otlp"}
        done = uv(projects(protocol), "run", "--no-sync", "payment-service", "doctor", **variables)
        assert (done.returncode, [span.name for span in receiver.spans]) == (0, ["doctor"]), done.stdout
        assert "doctor" in {point.name for point in receiver.metrics}
        assert "doctor" in {log.body for log in receiver.logs}


@pytest.mark.parametrize("fault", [Fault.refuse(), Fault.black_hole()], ids=["nothing listens", "black hole"])
def test_a_dead_collector_is_found_in_seconds(protocol: Any, fault: Fault, projects: Projects) -> None:
    """Where nothing arrives it exits with 1 within 15 s, and names the variable and its value."""
    with Receiver(protocol) as receiver:
        endpoint = receiver.endpoint
        receiver.fault = fault
        began = time.monotonic()
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        done = uv(projects(protocol), "run", "--no-sync", "payment-service", "doctor", **variables)
        assert time.monotonic() - began < 15
        assert receiver.spans == []
    assert done.returncode == 1, done.stdout
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT is {endpoint}" in done.stdout
    assert "wrong: " in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_TRACES_EXPORTER", "console"), ("OTEL_SDK_DISABLED", "true")],
)
def test_a_service_that_would_be_silent_is_not_ok(variable: str, value: str, projects: Projects) -> None:
    """A setting by which no span leaves is named, though nothing is wrong with the way."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, variable: value}
        done = uv(projects("grpc"), "run", "--no-sync", "payment-service", "doctor", **variables)
    assert (done.returncode, variable in done.stdout) == (1, True), done.stdout
