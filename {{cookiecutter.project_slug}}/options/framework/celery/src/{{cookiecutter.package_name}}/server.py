"""Runs the service with Celery, and sends tasks to it."""

import runpy
import sys

from opentelemetry import trace

from . import telemetry
from .tasks import app, process_transaction


def run() -> None:
    """Work until SIGTERM or SIGINT. The exit status is not 0 if an error stops the worker."""
    telemetry.report()  # Celery warns before it sets up logging
    # Not Celery.worker_main(): it loses the exit status. --quiet: its banner is no log line.
    sys.argv = ["celery", "--quiet", "--app", f"{__package__}.tasks", "worker"]
    runpy.run_module("celery", run_name="__main__")


def send(amount_cents: int) -> None:
    """Put one traced task in the queue."""
    telemetry.configure()
    try:
        with trace.get_tracer(__name__).start_as_current_span("send"):
            process_transaction.delay(amount_cents)
    except Exception as error:  # noqa: BLE001, a sentence is clearer than a traceback
        url = telemetry.scrub(app.conf.broker_url)
        raise SystemExit(f"nothing was sent; REDIS_URL is {url}: {error}") from None
    finally:
        telemetry.shutdown()
