"""Step 7, instrumentation: every installed opentelemetry-instrumentation-* package becomes active.

To instrument a library is to import it, which costs time and memory. So each library is
instrumented when something imports it, by a hook.
"""

import logging
import os
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from operator import attrgetter

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from wrapt import register_post_import_hook

from . import masking

log = logging.getLogger(__name__)
# The application instruments its framework, send_log_records() instruments logging.
INSTRUMENTED_ELSEWHERE = {"{{ cookiecutter.framework }}", "logging"}
# The loggers of all that takes part in an export.
EXPORT_LOGGERS = ("opentelemetry", "urllib3", "requests", "grpc")


def start() -> None:
    """Instrument each library that has an instrumentation, now or when it is imported."""
    for module, found in _by_module().items():
        instrument = _InstrumentOnce(found)
        libraries = _libraries(module, found)
        if not libraries:  # such as system_metrics, which is for no library: nothing to wait for
            instrument()
        for library in libraries:
            register_post_import_hook(instrument, library)


def _by_module() -> dict[str, list[EntryPoint]]:
    """Return the instrumentations that are wanted, by the module that has them.

    One module can instrument two libraries, and import both: httpx and its successor httpx2.
    """
    groups: dict[str, list[EntryPoint]] = {}
    for entry_point in sorted(_wanted(), key=attrgetter("module")):
        groups.setdefault(entry_point.module, []).append(entry_point)
    return groups


def _wanted() -> Iterator[EntryPoint]:
    """Yield all but those in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, where "*" stands for all."""
    listed = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    disabled = {name.strip() for name in listed}
    if "*" in disabled:
        return
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.name not in disabled | INSTRUMENTED_ELSEWHERE:
            yield entry_point


def _libraries(module: str, found: list[EntryPoint]) -> set[str]:
    """Return the libraries that these instrumentations are for, as far as they are installed.

    By convention the entry point or its module is named after the library.
    """
    names = {entry_point.name for entry_point in found}
    names.add(module.rpartition(".")[2])
    return {name for name in names if name.isidentifier() and find_spec(name)}


class _InstrumentOnce:
    """A hook for several libraries: the first that is imported starts all instrumentations."""

    def __init__(self, found: list[EntryPoint]) -> None:
        self._waiting = found

    def __call__(self, _imported: object = None) -> None:
        found = self._waiting
        # Emptied first: to load one may import the next library, which calls this hook again.
        self._waiting = []
        for entry_point in found:
            _instrument(entry_point)


def _instrument(entry_point: EntryPoint) -> None:
    name = entry_point.name
    try:
        instrumentor = entry_point.load()()
        # A zero-code agent or your own code may have been here before.
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(raise_exception_on_conflict=True)
    except (DependencyConflictError, ModuleNotFoundError) as error:
        # Often the library is not installed: httpx's instrumentation comes with that of httpx2.
        level = logging.WARNING if name in sys.modules else logging.DEBUG
        log.log(level, "instrumentation %s is off: %s", name, error)
    except Exception:  # code of others, run at start-up: its failure must not stop the service
        log.exception("instrumentation %s cannot start", name)


def send_log_records() -> None:
    """Send the root logger's records to the logger provider."""
    # Imported here: most services do not set OTEL_LOGS_EXPORTER, and never come this way.
    from opentelemetry.instrumentation.logging import LoggingInstrumentor
    from opentelemetry.instrumentation.logging.handler import LoggingHandler

    LoggingInstrumentor().instrument()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LoggingHandler):
            handler.addFilter(_is_from_no_export)


def _is_from_no_export(record: logging.LogRecord) -> bool:
    """Return whether a record may be exported; one of an export would cause the next, for ever."""
    return not masking.is_below(record.name, EXPORT_LOGGERS)
