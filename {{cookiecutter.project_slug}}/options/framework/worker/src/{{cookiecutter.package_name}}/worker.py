"""The worker: takes messages from a list in Redis, one by one, until it is told to stop. Your own kinds go here."""

import asyncio
import json
import logging
import os
import signal

from opentelemetry import context, propagate
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, TimeoutError

from . import telemetry
from .transactions import MAX_AMOUNT_CENTS, process_transaction

log = logging.getLogger(__name__)
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
QUEUE = "transactions"
PAUSE_SECONDS = 1


async def handle(message: str | bytes) -> None:
    """Do the work of one message, as a part of the trace that its sender began."""
    body = json.loads(message)
    token = context.attach(propagate.extract(body))
    try:
        amount = body["amount_cents"]
        if type(amount) is not int or not 0 <= amount <= MAX_AMOUNT_CENTS:  # a bool is an int too, but no amount
            raise ValueError(f"amount_cents must be a whole number from 0 to {MAX_AMOUNT_CENTS}, got {amount!r}")
        process_transaction(amount)
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
                taken = await redis.blpop([QUEUE], timeout=PAUSE_SECONDS)  # then it looks whether it shall stop
            except (ConnectionError, TimeoutError) as error:
                log.warning("Redis cannot be reached, trying again: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if taken:
                try:
                    await handle(taken[1])
                except Exception:  # a message that cannot be handled must not stop those after it
                    log.exception("a message was dropped")
    finally:
        await redis.aclose()
        await asyncio.to_thread(telemetry.shutdown)
