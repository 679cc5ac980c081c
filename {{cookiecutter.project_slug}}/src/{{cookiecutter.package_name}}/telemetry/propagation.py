"""Step 5, propagation: a propagator for OTEL_PROPAGATORS=none.

OpenTelemetry's own returns None from extract() then, and FastAPI's instrumentation raises on it.
"""

from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.propagators.composite import CompositePropagator


class NoPropagator(CompositePropagator):
    """Carries nothing from service to service."""

    def __init__(self) -> None:
        super().__init__([])

    def extract(self, carrier: Any, context: Context | None = None, *_: Any, **__: Any) -> Context:
        """Return the context as it is, and never None."""
        if context is None:
            return get_current()
        return context
