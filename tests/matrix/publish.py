"""Puts work in a service's queue, as another service would; run by that service's own Python.

`publish.py PACKAGE COUNT` sends transactions of 0 to COUNT - 1 cents over four connections. The span that sends one of
n cents has the id n + 1, and so has its trace. It must not import the harness.
"""

import importlib
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

from opentelemetry import context, propagate, trace


def publish(package: str, amounts: Iterable[int]) -> None:
    """Send one message for each amount, over a connection of their own."""
    if find_spec("celery"):
        task = importlib.import_module(f"{package}.tasks").process_transaction
    else:
        worker = importlib.import_module(f"{package}.worker")
        redis = importlib.import_module("redis").Redis.from_url(worker.REDIS_URL)
    for amount in amounts:
        sender = trace.SpanContext(amount + 1, amount + 1, is_remote=False, trace_flags=trace.TraceFlags(1))
        token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(sender)))
        if find_spec("celery"):
            task.delay(amount)
        else:
            message: dict[str, object] = {"amount_cents": amount}
            propagate.inject(message)
            redis.rpush(worker.QUEUE, json.dumps(message))
        context.detach(token)


def main() -> None:
    """Send, and end when all is in the queue."""
    package, count = sys.argv[1], int(sys.argv[2])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda first: publish(package, range(first, count, 4)), range(4)))


if __name__ == "__main__":
    main()
