"""Steps 2 to 4: a provider for each signal, unless somebody has installed one, with batch processors and exporters."""

import logging
import os
import re
from typing import Any

from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from .export import otlp
from .export.items import LOG_RECORDS, SPANS
from .export.points import split_what_is_too_large
from .export.retrying import RetryingExporter
from .process import no_fork
from .processors import BoundedLogProcessor, ScrubbingProcessor
from .user_files import span_attributes

log = logging.getLogger(__name__)


def tracer_provider(resource: Resource, unless: object) -> TracerProvider | None:
    """Return a provider of tracers; with OTEL_TRACES_EXPORTER=none it still hands contexts on."""
    exporters = _exporters("TRACES", unless, console=ConsoleSpanExporter, otlp=_spans)
    if exporters is None:
        return None
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if copied := span_attributes():
        provider.add_span_processor(BaggageSpanProcessor(copied.__contains__))
    for exporter in exporters:
        provider.add_span_processor(ScrubbingProcessor(exporter))
    return provider


def meter_provider(resource: Resource, unless: object) -> MeterProvider | None:
    """Return a provider of meters, or None where no exporter wants metrics: then measuring costs nothing."""
    exporters = _exporters("METRICS", unless, console=ConsoleMetricExporter, otlp=_points)
    for exporter in exporters or ():  # a lock of its reader, unlike those of the other processors, would stay locked
        exporter.export = no_fork(may_begin=True)(exporter.export)
    readers = [PeriodicExportingMetricReader(exporter) for exporter in exporters or ()]
    return MeterProvider(readers, resource, shutdown_on_exit=False) if readers else None


def logger_provider(resource: Resource, unless: object) -> LoggerProvider | None:
    """Return a provider of loggers, or None where no exporter wants log records."""
    exporters = _exporters("LOGS", unless, console=ConsoleLogRecordExporter, otlp=_log_records)
    if not exporters:
        return None
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_log_record_processor(BoundedLogProcessor(exporter))
    return provider


def _spans() -> RetryingExporter:
    return RetryingExporter(otlp.span_exporter(), SPANS)


def _log_records() -> RetryingExporter:
    return RetryingExporter(otlp.log_exporter(), LOG_RECORDS)


def _points() -> Any:
    exporter = otlp.metric_exporter()
    split_what_is_too_large(exporter)
    return exporter


def is_installed(provider: object) -> bool:
    """Tell whether somebody has installed this provider: what OpenTelemetry hands out before is its API's own."""
    return not re.match(r"opentelemetry\.(trace|metrics|_logs)\b", type(provider).__module__)


def _exporters(signal: str, installed: object, **exporters: Any) -> list[Any] | None:
    if is_installed(installed):
        log.warning("%s: a %s is already installed; nothing is added to it", signal, type(installed).__qualname__)
        return None
    built = []
    for name in re.findall("console|otlp", os.environ[f"OTEL_{signal}_EXPORTER"].lower()):
        try:
            built.append(exporters[name]())
        except Exception:  # an exporter may raise on anything, say a CA file that is none: serve on without it
            log.exception("OTEL_%s_EXPORTER: %s cannot start and will send nothing", signal, name)
    return built
