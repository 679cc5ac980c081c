"""How the service is run, by Celery, and how a task is sent to it."""

from opentelemetry import trace

from . import telemetry
from .tasks import app, process_transaction


def run() -> None:
    """Work until SIGTERM or SIGINT, with as many processes as there are cores."""
    telemetry.report()  # once, and not in each of the processes, which are forked from this one
    app.worker_main(["worker", "--loglevel", "INFO"])


def send(amount_cents: int) -> None:
    """Put one traced task in the queue."""
    telemetry.configure()
    with trace.get_tracer(__name__).start_as_current_span("send"):
        process_transaction.delay(amount_cents)
    telemetry.shutdown()
