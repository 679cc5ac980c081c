"""Between batch processor and exporter: nothing is lost because the collector is away for a while."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from . import lifecycle

# The exporter itself tries again what is worth it, after a second at the earliest: a failure that comes sooner is the
# collector's refusal, and would be its answer the next time, too.
REFUSED_WITHIN_SECONDS = 0.5
PAUSE_SECONDS = 1.0


class RetryingExporter:
    """Gives the exporter a batch again that ran out of its OTEL_EXPORTER_OTLP_TIMEOUT, where the SDK discards it.

    What ends meanwhile waits in the processor's queue. When that is full the SDK drops spans, and counts them in the metric
    otel.sdk.processor.span.processed with error.type=queue_full.
    """

    def __init__(self, exporter: Any) -> None:
        """Wrap an exporter of spans or log records."""
        self._exporter = exporter
        self._stopping = threading.Event()

    def export(self, batch: Sequence[Any]) -> Any:
        """Return the exporter's result once it has succeeded, was refused, or shutdown has begun."""
        lifecycle.tell_if_forked()
        while True:
            began = time.monotonic()
            with lifecycle.no_fork():
                result = self._exporter.export(batch)
            refused = time.monotonic() - began < REFUSED_WITHIN_SECONDS
            if result.name == "SUCCESS" or refused or self._stopping.wait(PAUSE_SECONDS):
                return result

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return True: nothing is kept here between two calls of export."""
        return True

    def shutdown(self) -> None:
        """End the attempts, and the exporter."""
        self._stopping.set()
        self._exporter.shutdown()
