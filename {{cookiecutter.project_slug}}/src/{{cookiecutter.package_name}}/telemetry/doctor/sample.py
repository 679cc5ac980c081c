"""The span, metric and log record that the doctor sends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

NAME = "doctor"  # of all three items, so that a person can tell them from real ones
# The field of an OTLP answer that counts the rejected items.
REJECTED = {
    "traces": "rejected_spans",
    "metrics": "rejected_data_points",
    "logs": "rejected_log_records",
}


@dataclass(frozen=True)
class Sample:
    """One item of each signal, as the exporters take them."""

    spans: Sequence[ReadableSpan]
    metrics: Any
    log_records: Sequence[Any]

    def of(self, signal: str) -> Any:
        """Return the items of one signal."""
        items = {
            "traces": self.spans,
            "metrics": self.metrics,
            "logs": self.log_records,
        }
        return items[signal]


def make(resource: Resource) -> Sample:
    """Return a sample. The service's own providers and its sampler take no part in it."""
    return Sample(
        spans=_spans(resource),
        metrics=_metrics(resource),
        log_records=_log_records(resource),
    )


def _spans(resource: Resource) -> Sequence[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer(NAME).start_span(NAME).end()
    return exporter.get_finished_spans()


def _metrics(resource: Resource) -> Any:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    provider.get_meter(NAME).create_counter(NAME).add(1)
    return reader.get_metrics_data()


def _log_records(resource: Resource) -> Sequence[Any]:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    now = time.time_ns()
    record = LogRecord(
        timestamp=now,
        observed_timestamp=now,
        severity_number=SeverityNumber.INFO,
        body=NAME,
    )
    provider.get_logger(NAME).emit(record)
    return exporter.get_finished_logs()
