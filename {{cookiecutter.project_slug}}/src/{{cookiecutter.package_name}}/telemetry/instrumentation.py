"""Step 7, instrumentation: every installed opentelemetry-instrumentation-* becomes active, with its library's import."""

import logging
import os
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from itertools import groupby

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from wrapt import register_post_import_hook

log = logging.getLogger(__name__)
_NOT_HERE = {"fastapi", "logging"}  # FastAPI's own telemetry is silenced by contrib's; logs.py sees to logging


def start() -> None:
    """Switch on what is installed, except what OTEL_PYTHON_DISABLED_INSTRUMENTATIONS lists ("*" is all)."""
    off = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")} | _NOT_HERE
    wanted = [found for found in entry_points(group="opentelemetry_instrumentor") if not {found.name, "*"} & off]
    for module, group in groupby(sorted(wanted, key=lambda found: found.module), lambda found: found.module):
        # To instrument is to import: a library that nobody uses would cost its time and memory for nothing.
        todo = list(group)
        for library in {*filter(find_spec, {module.rpartition(".")[2], *(found.name for found in todo)})} or {"sys"}:
            register_post_import_hook(partial(_instrument, todo), library)


def _instrument(todo: list[EntryPoint], _: object) -> None:
    group, todo[:] = todo[:], []  # emptied first: to load one may import the library of another, and lead here again
    for found in group:
        try:
            instrumentor = found.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:  # by a zero-code agent, or by your own code
                instrumentor.instrument(raise_exception_on_conflict=True)
        except (DependencyConflictError, ModuleNotFoundError):
            log.debug("instrumentation %s: its library is not installed", found.name)
        except Exception:  # somebody else's code, run at start-up: its failure must not be the service's
            log.exception("instrumentation %s cannot start", found.name)
