"""The worker: takes messages from a list in Redis, one by one, until it is told to stop. Your own kinds go here."""

import asyncio
import json
import logging
import os
import signal

from opentelemetry import context, propagate
from opentelemetry.instrumentation.utils import suppress_instrumentation
from redis.asyncio import Redis
from redis.exceptions import RedisError

from . import telemetry
from .transactions import process_transaction

log = logging.getLogger(__name__)
REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
QUEUE = "transactions"
PAUSE_SECONDS = 1


async def handle(message: str | bytes) -> None:
    """Do the work of one message, as a part of the trace that its sender began.

    A message that cannot be handled is logged, and dropped: it must not stop those after it.
    """
    try:
        body = json.loads(message)
        carrier = {name: value for name, value in body.items() if isinstance(value, str)}
    except (ValueError, AttributeError) as error:
        log.error("a message was dropped, because it is no JSON object: %s", error)
        return
    token = context.attach(propagate.extract(carrier, context.Context()))
    try:
        process_transaction(body.get("amount_cents"))
    except Exception:
        log.exception("a message was dropped")
    finally:
        context.detach(token)


async def work() -> None:
    """Take and handle messages until SIGTERM or SIGINT; finish the one at hand, then drain telemetry."""
    telemetry.configure()
    stopping = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, stopping.set)
    redis = Redis.from_url(REDIS_URL)
    try:
        while not stopping.is_set():
            try:
                with suppress_instrumentation():  # to look for a message is no work: it would be a trace each time
                    taken = await redis.blpop([QUEUE], timeout=PAUSE_SECONDS)  # then it looks whether it shall stop
            except RedisError as error:
                log.warning("Redis cannot be reached, trying again: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if taken:
                await handle(taken[1])
    finally:
        await asyncio.to_thread(telemetry.shutdown)
        await redis.aclose()
