"""Steps 2 to 4: a provider for each signal, with its processors and exporters.

A provider that another set-up has installed stays, and gets nothing from here.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import _logs, metrics, trace
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
from .export.outage import Receiver
from .export.points import split_what_is_too_large
from .export.retrying import RetryingExporter
from .masking import mask
from .process import forks
from .processors import BoundedLogProcessor, ScrubbingProcessor
from .settings import variables
from .span_counts import SpanCounts
from .user_files import span_attributes

log = logging.getLogger(__name__)
Builder = Callable[[], Any]


def tracer_provider(resource: Resource, current: object) -> TracerProvider | None:
    """Return a provider of tracers, or None where the current one stays.

    With OTEL_TRACES_EXPORTER=none it has no exporter, and still hands trace contexts on.
    """
    if _stays("TRACES", current):
        return None
    counts: Any = SpanCounts()  # the SDK takes a provider of meters for its own counters of spans
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, meter_provider=counts)
    copied = span_attributes()
    if copied:
        provider.add_span_processor(BaggageSpanProcessor(copied.__contains__))
    for exporter in _exporters("TRACES", {"console": ConsoleSpanExporter, "otlp": _otlp_spans}):
        provider.add_span_processor(ScrubbingProcessor(exporter))
    return provider


def meter_provider(resource: Resource, current: object) -> MeterProvider | None:
    """Return a provider of meters, or None where the current one stays or no exporter is wanted.

    Without a provider, measuring costs nothing.
    """
    if _stays("METRICS", current):
        return None
    exporters = _exporters("METRICS", {"console": ConsoleMetricExporter, "otlp": _otlp_metrics})
    if not exporters:
        return None
    for exporter in exporters:
        _hold_forks_while_exporting(exporter)
    readers = [PeriodicExportingMetricReader(exporter) for exporter in exporters]
    return MeterProvider(readers, resource, shutdown_on_exit=False)


def logger_provider(resource: Resource, current: object) -> LoggerProvider | None:
    """Return a provider of loggers, or None as meter_provider() does."""
    if _stays("LOGS", current):
        return None
    exporters = _exporters("LOGS", {"console": ConsoleLogRecordExporter, "otlp": _otlp_log_records})
    if not exporters:
        return None
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_log_record_processor(BoundedLogProcessor(exporter))
    return provider


def installed() -> dict[str, str]:
    """Return the class of each provider that is installed, by signal."""
    current = {
        "traces": trace.get_tracer_provider(),
        "metrics": metrics.get_meter_provider(),
        "logs": _logs.get_logger_provider(),
    }
    classes = {}
    for signal, provider in current.items():
        if is_installed(provider):
            kind = type(provider)
            classes[signal] = f"{kind.__module__}.{kind.__qualname__}"
    return classes


def is_installed(provider: object) -> bool:
    """Return whether a provider is a real one, and not the placeholder that the API begins with.

    The placeholders' classes are private, so only the name of their module tells them apart.
    """
    module = type(provider).__module__
    return not re.match(r"opentelemetry\.(trace|metrics|_logs)\b", module)


def _stays(signal: str, current: object) -> bool:
    """Return whether the current provider stays, and say so in the log."""
    if not is_installed(current):
        return False
    name = type(current).__qualname__
    log.warning("%s: a %s is already installed; nothing is added to it", signal, name)
    return True


def _exporters(signal: str, builders: Mapping[str, Builder]) -> list[Any]:
    """Return the exporters that the signal's variable lists, without those that cannot start."""
    exporters = []
    for name in variables.exporters(signal):
        build = builders[name]
        try:
            exporters.append(build())
        except Exception:  # it may raise on anything, such as a CA file that is broken: serve on
            variable = f"OTEL_{signal}_EXPORTER"
            log.exception("%s: %s cannot start and will send nothing", variable, name)
    return exporters


def _otlp_spans() -> RetryingExporter:
    return RetryingExporter(otlp.span_exporter(), SPANS, _receiver("traces"))


def _otlp_metrics() -> Any:
    exporter = otlp.metric_exporter()
    split_what_is_too_large(exporter, _receiver("metrics"))
    return exporter


def _otlp_log_records() -> RetryingExporter:
    return RetryingExporter(otlp.log_exporter(), LOG_RECORDS, _receiver("logs"))


def _receiver(signal: str) -> Receiver:
    """Return the receiver of a signal, for log lines."""
    is_chosen = variables.variable(signal, "ENDPOINT") in os.environ
    return Receiver(mask(variables.endpoint(signal)), is_chosen)


def _hold_forks_while_exporting(exporter: Any) -> None:
    """Make forks wait for the exports of a metric reader.

    The reader holds a lock while it exports. A child that is forked then would inherit the lock
    for ever, because the SDK renews it only in batch processors. An export that waited for a fork
    would hold the same lock, so it does not wait.
    """
    export = exporter.export

    def export_without_fork(*args: Any, **kwargs: Any) -> Any:
        with forks.held_back(wait_for_fork=False):
            return export(*args, **kwargs)

    exporter.export = export_without_fork
