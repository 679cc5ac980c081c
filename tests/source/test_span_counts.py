"""The SDK's metrics of spans say the same through our sums as through the SDK's own counters."""

import os
import threading
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased


@pytest.fixture(params=["ours", "the SDK's"])
def both(request: pytest.FixtureRequest, telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a provider of tracers with either counters, and the reader of what they count."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    counts: Any = telemetry.span_counts.SpanCounts() if request.param == "ours" else meters
    return TracerProvider(sampler=TraceIdRatioBased(0.5), meter_provider=counts), reader


def points(reader: InMemoryMetricReader) -> dict[str, Any]:
    """Return each metric's scope, unit, description, kind and points."""
    data = reader.get_metrics_data()
    assert data
    found: dict[str, Any] = {}
    for scope in data.resource_metrics[0].scope_metrics:
        for metric in scope.metrics:
            counted: Any = metric.data
            values = sorted((sorted((p.attributes or {}).items()), p.value) for p in counted.data_points)
            kind = (type(counted).__name__, counted.is_monotonic)
            assert metric.name not in found  # once, whatever the number of tracers
            found[metric.name] = (scope.scope.name, metric.unit, metric.description, kind, values)
    return found


def test_sums_are_those_of_the_sdk(both: Any, telemetry: Any) -> None:
    """Spans of two tracers and four threads, sampled and not, children and roots, ended and not, are counted alike."""
    provider, reader = both
    first, second = provider.get_tracer("first"), provider.get_tracer("second")

    def work() -> None:
        for _ in range(200):
            with first.start_as_current_span("parent"), second.start_as_current_span("child"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    open_spans = [first.start_span("open") for _ in range(20)]
    live = sum(span.is_recording() for span in open_spans)
    found = points(reader)
    started = found["otel.sdk.span.started"]
    assert started[:4] == ("opentelemetry-sdk", "{span}", "The number of created spans.", ("Sum", True))
    by_origin: dict[str, int] = {}
    for attributes, value in started[4]:
        origin = dict(attributes)["otel.span.parent.origin"]
        by_origin[origin] = by_origin.get(origin, 0) + value
    assert by_origin == {"none": 820, "local": 800}
    assert {dict(attributes)["otel.span.sampling_result"] for attributes, _ in started[4]} == {
        "DROP",
        "RECORD_AND_SAMPLE",
    }
    assert found["otel.sdk.span.live"][3:] == (
        ("Sum", False),
        [([("otel.span.sampling_result", "RECORD_AND_SAMPLE")], live)],
    )


def test_a_forked_child_can_count(telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another thread held at the fork does not stop the child."""
    monkeypatch.setattr(metrics, "get_meter", MeterProvider([InMemoryMetricReader()]).get_meter)
    counts = telemetry.span_counts.SpanCounts()
    counted = counts.get_meter("t").create_counter("n")
    with counted._lock:
        child = os.fork()
        if child == 0:
            stuck = threading.Timer(5, os._exit, [1])
            stuck.start()
            counted.add(1)
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
