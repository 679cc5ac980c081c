"""Step 7, instrumentation: every installed opentelemetry-instrumentation-* becomes active here."""

import logging
import os
from importlib.metadata import entry_points

from opentelemetry.instrumentation.dependencies import DependencyConflictError

log = logging.getLogger(__name__)
_NOT_HERE = {"fastapi", "logging"}  # FastAPI's own telemetry is silenced by contrib's; logs.py sees to logging


def start() -> None:
    """Switch on what is installed, except what OTEL_PYTHON_DISABLED_INSTRUMENTATIONS lists ("*" is all)."""
    off = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.name in off | _NOT_HERE or "*" in off:
            continue
        try:
            instrumentor = entry_point.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:  # by a zero-code agent, or by your own code
                instrumentor.instrument(raise_exception_on_conflict=True)
        except (DependencyConflictError, ModuleNotFoundError):
            log.debug("instrumentation %s: its library is not installed", entry_point.name)
        except Exception:  # somebody else's code, run at start-up: its failure must not be the service's
            log.exception("instrumentation %s cannot start", entry_point.name)
