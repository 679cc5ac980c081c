"""How the service is run, by Celery, and how a task is sent to it."""

import runpy
import sys

from opentelemetry import trace

from . import telemetry
from .tasks import app, process_transaction


def run() -> None:
    """Work until SIGTERM or SIGINT; the exit status is not 0 if an error has ended the work."""
    sys.argv = ["celery", "--app", f"{__package__}.tasks", "worker"]  # Celery.worker_main() loses the exit status
    runpy.run_module("celery", run_name="__main__")


def send(amount_cents: int) -> None:
    """Put one traced task in the queue."""
    telemetry.configure()
    try:
        with trace.get_tracer(__name__).start_as_current_span("send"):
            process_transaction.delay(amount_cents)
    except Exception as error:  # noqa: BLE001, a sentence says it better than a traceback
        raise SystemExit(f"nothing was sent; REDIS_URL is {telemetry.scrub(app.conf.broker_url)}: {error}") from None
    finally:
        telemetry.shutdown()
