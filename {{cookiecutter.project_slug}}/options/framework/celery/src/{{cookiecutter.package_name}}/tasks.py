"""The Celery application: your tasks go here."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown, worker_shutdown

from . import telemetry, transactions
from .queue_tracing import trace_tasks

app = Celery(__package__, broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_concurrency=int(os.environ.get("WEB_CONCURRENCY", "2")),  # Celery's own default is a process for each core
    worker_hijack_root_logger=False,  # lines go where all lines go, with the ids of their trace
)
trace_tasks()


# In the processes that run tasks, and after the fork: the parent of a prefork pool runs none.
@worker_process_init.connect(weak=False)
def start(**_: Any) -> None:
    """Configure telemetry in this process of the pool; the solo pool sends this signal too."""
    telemetry.configure()


@worker_process_shutdown.connect(weak=False)
@worker_shutdown.connect(weak=False)
def stop(**_: Any) -> None:
    """Drain before the process is gone; the solo pool sends only the second signal."""
    telemetry.shutdown()


@app.task(name="process_transaction")
def process_transaction(amount_cents: int) -> str:
    """Process a transaction; anything but a whole number of cents is a task that fails."""
    if type(amount_cents) is not int or not 0 <= amount_cents <= transactions.MAX_AMOUNT_CENTS:  # a bool is an int too
        raise ValueError(f"amount_cents must be 0 to {transactions.MAX_AMOUNT_CENTS}, got {amount_cents!r}")
    return transactions.process_transaction(amount_cents)
