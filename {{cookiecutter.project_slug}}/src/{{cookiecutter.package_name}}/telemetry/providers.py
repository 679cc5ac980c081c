"""Steps 2 to 4: for each signal a provider, its batch processors and their exporters.

Everything here builds and returns; nothing is installed. No argument is given that a standard variable covers,
because an argument silences its variable. Where `unless` is a provider that somebody installed, nothing is built.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, ConsoleLogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from ..baggage import SPAN_ATTRIBUTES
from . import otlp, settings
from .processors import QueryScrubber

log = logging.getLogger(__name__)
Exporter = TypeVar("Exporter")


def tracer_provider(resource: Resource, unless: object) -> TracerProvider | None:
    """Return a provider of tracers; with OTEL_TRACES_EXPORTER=none it still hands contexts on."""
    if _is_taken("traces", unless):
        return None
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(QueryScrubber())
    if SPAN_ATTRIBUTES:
        provider.add_span_processor(BaggageSpanProcessor(SPAN_ATTRIBUTES.__contains__))
    for exporter in _exporters("TRACES", ConsoleSpanExporter, otlp.span_exporter):
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def meter_provider(resource: Resource, unless: object) -> MeterProvider | None:
    """Return a provider of meters, or None where no exporter wants metrics: then measuring costs nothing."""
    exporters = _exporters("METRICS", ConsoleMetricExporter, otlp.metric_exporter)
    if not exporters or _is_taken("metrics", unless):
        return None
    return MeterProvider([PeriodicExportingMetricReader(e) for e in exporters], resource, shutdown_on_exit=False)


def logger_provider(resource: Resource, unless: object) -> LoggerProvider | None:
    """Return a provider of loggers, or None where no exporter wants log records."""
    exporters = _exporters("LOGS", ConsoleLogRecordExporter, otlp.log_exporter)
    if not exporters or _is_taken("logs", unless):
        return None
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return provider


def _is_taken(signal: str, provider: object) -> bool:
    # What OpenTelemetry hands out before anybody has installed a provider lives in its API packages.
    api = ("opentelemetry.trace", "opentelemetry.metrics", "opentelemetry._logs")
    taken = not type(provider).__module__.startswith(api)
    if taken:
        log.warning("%s: a %s is already installed; nothing is added to it", signal, type(provider).__qualname__)
    return taken


def _exporters(signal: str, console: Callable[[], Exporter], otlp: Callable[[], Exporter]) -> list[Exporter]:
    built = []
    for name in settings.exporters(signal):
        try:
            built.append({"console": console, "otlp": otlp}[name]())
        except Exception:  # an exporter may raise on anything, say a CA file that is none: serve on without it
            log.exception("OTEL_%s_EXPORTER: %s cannot start and will send nothing", signal, name)
    return built
