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
MAX_HEADER = 8192  # characters: what is longer is no trace context, and costs much to read


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; raise ValueError if it has a name twice, because readers would differ about its value."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("it has a name twice")
    return fields


def read(message: str | bytes) -> tuple[dict[str, object], context.Context]:
    """Return the fields of a message, and the context of its sender; raise ValueError if it is no message."""
    try:
        fields = json.loads(message, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # the latter if it is nested too deeply
        raise ValueError(f"it is no JSON object: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"it is no JSON object: {fields!r:.50}")  # noqa: TRY004, all that is refused is a ValueError
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    carrier = {name: value for name, value in texts.items() if len(value) <= MAX_HEADER}
    for name in propagate.get_global_textmap().fields & carrier.keys():
        if not carrier[name].isprintable():
            raise ValueError(f"its {name} has characters that no header can have")
    return fields, propagate.extract(carrier, context.Context())


async def handle(message: str | bytes) -> None:
    """Do the work of one message, as a part of the trace that its sender began.

    A message that cannot be handled is logged, and dropped: whatever it raises, it must not stop those after it.
    """
    try:
        fields, sender = read(message)
    except ValueError as error:
        log.error("a message was dropped: %.200s", error)
        return
    token = context.attach(sender)
    try:
        process_transaction(fields.get("amount_cents"))  # type: ignore[arg-type]  # it refuses what is no amount
    except ValueError as error:  # the work refuses the message; any other error is the work's, and needs a traceback
        log.error("a message was dropped: %.200s", error)
    except asyncio.CancelledError:
        raise
    except BaseException:  # sys.exit() in a library, or a panic of one written in Rust, is no Exception
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
