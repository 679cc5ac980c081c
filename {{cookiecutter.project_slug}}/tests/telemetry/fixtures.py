"""What a test needs to look at telemetry: `spans`, `metrics` and `logs`, each empty when the test begins.

OpenTelemetry lets a process set its providers once, and a module's tracer stays with the first. So all tests share
one provider a signal, and what is fresh for each test is what it holds. Under pytest-xdist each process has its own.
"""

import importlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping

# A developer's own OTEL_* variables must not decide over tests; they go before OpenTelemetry is imported.
for name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[name]

import pytest
from opentelemetry import metrics as metrics_api
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, Metric, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PACKAGE = "{{ cookiecutter.package_name }}"

_telemetry = importlib.import_module(f"{PACKAGE}.telemetry")
_scrubbing = importlib.import_module(f"{PACKAGE}.telemetry.scrubbing")
_spans = InMemorySpanExporter()
_logs = InMemoryLogRecordExporter()
_metrics = InMemoryMetricReader(
    # Each reading tells what happened since the one before it, so a test sees its own numbers only.
    preferred_temporality=dict.fromkeys((Counter, Histogram, ObservableCounter), AggregationTemporality.DELTA)
)


class _AsSent(SimpleSpanProcessor):
    """Shows a test what would leave the process: URLs without their secrets."""

    def on_end(self, span: ReadableSpan) -> None:
        super().on_end(_scrubbing.scrubbed(span))


@pytest.fixture(scope="session", autouse=True)
def _providers() -> None:
    """Install the providers of all tests; configure() finds them, leaves them alone and instruments."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(_AsSent(_spans))
    trace.set_tracer_provider(tracer_provider)
    metrics_api.set_meter_provider(MeterProvider([_metrics]))
    logger_provider = LoggerProvider()
    logger_provider.add_log_record_processor(SimpleLogRecordProcessor(_logs))
    set_logger_provider(logger_provider)
    _telemetry.configure()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Hold the spans that end during the test, in `spans.get_finished_spans()`; children end before parents."""
    _spans.clear()
    return _spans


class Measured(dict[str, Metric]):
    """What was measured, by the name of the metric."""

    def number(self, name: str, attributes: Mapping[str, object] | None = None) -> float:
        """Return the sum of a counter, the value of a gauge or the count of a histogram; 0 if nothing was measured.

        With attributes it is the number of what was measured with them.
        """
        if name not in self:
            return 0.0
        wanted = (attributes or {}).items()
        total = 0.0
        for point in self[name].data.data_points:
            if wanted <= dict(point.attributes or {}).items():
                total += point.value if isinstance(point, NumberDataPoint) else point.count
        return total


@pytest.fixture
def metrics() -> Callable[[], Measured]:
    """Return a function that returns what was measured since it was last called."""

    def read() -> Measured:
        data = _metrics.get_metrics_data()
        scopes = [scope for resource in (data.resource_metrics if data else ()) for scope in resource.scope_metrics]
        return Measured({metric.name: metric for scope in scopes for metric in scope.metrics})

    read()
    return read


@pytest.fixture
def logs() -> Iterator[InMemoryLogRecordExporter]:
    """Hold what is logged during the test, from INFO on, in `logs.get_finished_logs()`."""
    handler = LoggingHandler(logging.INFO)
    logging.getLogger().addHandler(handler)
    _logs.clear()
    yield _logs
    logging.getLogger().removeHandler(handler)
