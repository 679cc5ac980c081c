"""Step 7, instrumentation: every installed opentelemetry-instrumentation-* becomes active, with its library's import."""

import logging
import os
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from wrapt import register_post_import_hook

log = logging.getLogger(__name__)
_NOT_HERE = {"fastapi", "logging"}  # FastAPI's own telemetry is silenced by contrib's; logs.py sees to logging


def start() -> None:
    """Switch on what is installed, except what OTEL_PYTHON_DISABLED_INSTRUMENTATIONS lists ("*" is all)."""
    off = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    for found in entry_points(group="opentelemetry_instrumentor"):
        if found.name not in off | _NOT_HERE and "*" not in off:
            # To instrument is to import: a library that nobody uses would cost its time and memory for nothing.
            library = next(filter(find_spec, (found.name, found.module.rpartition(".")[2])), "sys")
            register_post_import_hook(partial(_instrument, found), library)


def _instrument(found: EntryPoint, _: object) -> None:
    try:
        instrumentor = found.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:  # by a zero-code agent, or by your own code
            instrumentor.instrument(raise_exception_on_conflict=True)
    except (DependencyConflictError, ModuleNotFoundError):
        log.debug("instrumentation %s: its library is not installed", found.name)
    except Exception:  # somebody else's code, run at start-up: its failure must not be the service's
        log.exception("instrumentation %s cannot start", found.name)
