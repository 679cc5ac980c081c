"""Step 5, where OTEL_PROPAGATORS is none: OpenTelemetry's empty propagator extracts None, on which FastAPI breaks."""

from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.propagators.composite import CompositePropagator


class Nothing(CompositePropagator):
    def extract(self, carrier: Any, context: Context | None = None, *_: Any, **__: Any) -> Context:
        """Return the context as it is, and never None."""
        return get_current() if context is None else context
