"""logfire sent to OTLP: the set-up of its page "Alternative backends".

logfire reads OTEL_EXPORTER_OTLP_ENDPOINT itself and speaks HTTP. Its console output is off: the service writes its own
log lines, and printing each span as well would cost more.
"""

import logfire
from fastapi import FastAPI

from .plain import configure, report, shutdown

__all__ = ["configure", "instrument", "report", "shutdown"]


def instrument(app: FastAPI) -> None:
    """Configure logfire and its FastAPI middleware, which end with the process (atexit)."""
    logfire.configure(service_name="payment-service", send_to_logfire=False, console=False)
    logfire.instrument_fastapi(app, excluded_urls="healthz,readyz")
