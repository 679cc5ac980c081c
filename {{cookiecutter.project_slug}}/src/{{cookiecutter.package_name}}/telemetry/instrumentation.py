"""Step 7, instrumentation: every installed opentelemetry-instrumentation-* becomes active, with its library's import."""

import logging
import os
import sys
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from itertools import groupby

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from wrapt import register_post_import_hook

from . import masking

log = logging.getLogger(__name__)
_NOT_HERE = {"{{ cookiecutter.framework }}", "logging"}  # the application sees to its framework; logging is at the end
EXPORTING = ("opentelemetry", "urllib3", "requests", "grpc")  # the loggers of what an export uses


def start() -> None:
    """Switch on what is installed, except what OTEL_PYTHON_DISABLED_INSTRUMENTATIONS lists ("*" is all)."""
    off = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")} | _NOT_HERE
    wanted = [found for found in entry_points(group="opentelemetry_instrumentor") if not {found.name, "*"} & off]
    for module, group in groupby(sorted(wanted, key=lambda found: found.module), lambda found: found.module):
        todo = list(group)  # to instrument is to import: a library that nobody uses would cost time and memory
        names = filter(str.isidentifier, {module.rpartition(".")[2], *(found.name for found in todo)})
        for library in {*filter(find_spec, names)} or {"sys"}:
            register_post_import_hook(partial(_instrument, todo), library)


def _instrument(todo: list[EntryPoint], _: object) -> None:
    group, todo[:] = todo[:], []  # emptied first: to load one may import the library of another, and lead here again
    for found in group:
        try:
            instrumentor = found.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:  # by a zero-code agent, or by your own code
                instrumentor.instrument(raise_exception_on_conflict=True)
        except (DependencyConflictError, ModuleNotFoundError) as error:
            level = logging.WARNING if found.name in sys.modules else logging.DEBUG  # httpx's brings that of httpx2
            log.log(level, "instrumentation %s is off: %s", found.name, error)
        except Exception:  # somebody else's code, run at start-up: its failure must not be the service's
            log.exception("instrumentation %s cannot start", found.name)


def send_log_records() -> None:
    """Hand the root logger's records to the logger provider, where OTEL_LOGS_EXPORTER asks for them."""
    from opentelemetry.instrumentation.logging import (
        LoggingInstrumentor,  # here: most services never come this way
    )
    from opentelemetry.instrumentation.logging.handler import LoggingHandler

    LoggingInstrumentor().instrument()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LoggingHandler):  # what an export logs would be exported, and log again, for ever
            handler.addFilter(lambda record: not masking.is_below(record.name, EXPORTING))
