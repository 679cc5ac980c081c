"""The Celery application. Your tasks go here."""

import logging
import os
from threading import Thread
from typing import Any

from celery import Celery, signals

from . import telemetry, transactions, worker

processes = os.environ.get("WEB_CONCURRENCY", "2")  # Celery's own default is one per core
if not (processes.isdecimal() and int(processes)):
    expected = "WEB_CONCURRENCY must be a whole number above 0"
    raise SystemExit(f"{expected}, got {processes!r}; the service does not start")

app = Celery(__package__, broker=os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0")
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_concurrency=int(processes),
    worker_consumer=f"{worker.__name__}:DroppingConsumer",
)
app.Task.Request = f"{worker.__name__}:Request"


def plain(record: logging.LogRecord) -> bool:
    """Remove what Celery adds to a record, arguments and results: they would be exported."""
    record.__dict__.pop("data", None)
    return True


@signals.setup_logging.connect
def report(**_: Any) -> None:
    """Write Celery's log lines like all others, and log invalid settings once."""
    telemetry.report()
    for name in ("celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(name).addFilter(plain)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(worker.one_line)


# In each process that runs tasks, after the fork: the parent of a prefork pool runs none. Thread
# and greenlet pools do not send the first signal. Where it was sent, the second changes nothing.
@signals.worker_process_init.connect
@signals.task_prerun.connect
def start(**_: Any) -> None:
    """Configure telemetry in this process."""
    telemetry.configure()


@signals.worker_shutdown.connect
def stop(**_: Any) -> None:
    """Drain telemetry before the process ends."""
    telemetry.shutdown()


@signals.worker_process_shutdown.connect
def stop_child(**_: Any) -> None:
    """Drain telemetry before a process of a prefork pool ends.

    The pool ends the process one second after this returns.
    """
    draining = Thread(target=telemetry.shutdown, daemon=True)
    draining.start()
    draining.join(telemetry.DEADLINE_SECONDS - 1)


telemetry.trace_tasks(signals)  # must come after start() is connected: that one is called first


@app.task(name="process_transaction")
def process_transaction(amount_cents: int) -> str:
    """Process a transaction. The task fails if the amount is not a whole number of cents."""
    return transactions.process_transaction(amount_cents)
