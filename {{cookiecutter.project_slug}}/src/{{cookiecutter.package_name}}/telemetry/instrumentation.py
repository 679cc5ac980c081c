"""Instrumentation: every installed opentelemetry-instrumentation-* package becomes active.

Libraries are wrapped before any of your modules is imported: what a module takes from a library by
name, it takes wrapped. To instrument a library is to import it, which costs time and memory. So
each library is instrumented when something imports it, by a hook. Step 7 of configure() starts the
rest.
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


# The instrumentations that are for no library, such as system_metrics.
_others: list["_InstrumentOnce"] = []
# What cannot be logged yet, because log lines are set up by configure(); None afterwards.
_early: list[tuple[int, str, Exception]] | None = []


def wrap_libraries() -> None:
    """Instrument each library that has an instrumentation, now or when it is imported.

    No provider is needed for that: a tracer of the API begins to work when there is one.
    """
    for module, found in _by_module().items():
        instrument = _InstrumentOnce(found)
        libraries = _libraries(module, found)
        if not libraries:
            _others.append(instrument)
        for library in libraries:
            register_post_import_hook(instrument, library)


def start() -> None:
    """Start the other instrumentations, after any fork: they measure this process.

    Then log what could not be instrumented until now.
    """
    global _early
    for instrument in _others:
        instrument()
    early = _early or []
    _early = None
    for level, text, error in early:
        _tell(level, text, error)


def _tell(level: int, text: str, error: Exception) -> None:
    if _early is not None:
        _early.append((level, text, error))
    elif level < logging.ERROR:
        log.log(level, "%s: %s", text, error)
    else:
        log.log(level, "%s", text, exc_info=error)


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
        _tell(level, f"instrumentation {name} is off", error)
    except Exception as error:  # noqa: BLE001, code of others must not stop the service
        _tell(logging.ERROR, f"instrumentation {name} cannot start", error)


def send_log_records() -> None:
    """Send the root logger's records to the logger provider."""
    # Imported here: most services do not set OTEL_LOGS_EXPORTER, and never come this way.
    from opentelemetry.instrumentation.logging import LoggingInstrumentor
    from opentelemetry.instrumentation.logging.handler import LoggingHandler

    LoggingInstrumentor().instrument()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LoggingHandler):
            handler.addFilter(_is_from_no_export)
            _handle_errors(handler)


def _handle_errors(handler: logging.Handler) -> None:
    """Make a handler treat a record that cannot be read as logging's own handlers do.

    They write the error to standard error. This one would raise it in your code.
    """
    emit = handler.emit

    def emit_or_tell(record: logging.LogRecord) -> None:
        try:
            emit(record)
        except Exception:  # noqa: BLE001, an argument may raise anything when it is made a text
            handler.handleError(record)

    handler.emit = emit_or_tell  # type: ignore[method-assign]


def _is_from_no_export(record: logging.LogRecord) -> bool:
    """Return whether a record may be exported; one of an export would cause the next, for ever."""
    return not masking.is_below(record.name, EXPORT_LOGGERS)
