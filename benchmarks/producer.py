"""A program that one of the compared environments runs: makes spans at a constant rate, on one core.

`python producer.py PACKAGE RATE SECONDS` prints one JSON line: how many spans it made, in how many seconds, and with
how much CPU time, before it ends and sends the rest. It imports nothing of the benchmarks: they are not installed there.
"""

import asyncio
import importlib
import json
import os
import sys
import time

from opentelemetry import trace

TICK_SECONDS = 0.01


def make(rate: float, seconds: float) -> dict[str, float]:
    """Make spans with three attributes, evenly; return how many, and the seconds and CPU seconds that it took."""
    tracer = trace.get_tracer("producer")
    ticks = round(seconds / TICK_SECONDS)
    begin = time.monotonic()
    cpu = time.process_time()
    made = 0
    for tick in range(1, ticks + 1):
        wanted = round(rate * tick * TICK_SECONDS)
        while made < wanted:
            with tracer.start_as_current_span("process_transaction") as span:
                span.set_attribute("payment.amount_cents", made)
                span.set_attribute("payment.currency", "EUR")
                span.set_attribute("payment.method", "card")
            made += 1
        time.sleep(max(0.0, begin + tick * TICK_SECONDS - time.monotonic()))
    return {"made": made, "seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu}


async def main() -> None:
    """Take the application through its lifespan, where its telemetry begins and ends, and make spans in between."""
    package, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    app = importlib.import_module(f"{package}.app").app
    steps: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    started = asyncio.Event()

    async def send(message: dict[str, str]) -> None:
        if message["type"] == "lifespan.startup.failed":
            raise RuntimeError(message.get("message", "the application did not start"))
        started.set()

    steps.put_nowait({"type": "lifespan.startup"})
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    lifespan = asyncio.create_task(app(scope, steps.get, send))
    await started.wait()
    print(json.dumps(make(rate, seconds)), flush=True)
    steps.put_nowait({"type": "lifespan.shutdown"})
    await lifespan


if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before any thread: all threads inherit it
    asyncio.run(main())
