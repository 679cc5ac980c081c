"""The worker: handles messages from a list in Redis, one by one, until SIGTERM or SIGINT.

Your own kinds of messages go here.
"""

import asyncio
import json
import logging
import os
import signal

from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError

from . import telemetry
from .transactions import process_transaction

log = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)
REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
QUEUE = "transactions"
PAUSE_SECONDS = 1
MAX_HEADER = 8192  # characters. A longer text is no trace context, and is expensive to parse.


def messaging_attributes(operation: str) -> dict[str, str]:
    """Return the attributes by which a service map draws the queue; `operation` is send or process."""
    return {
        messaging.MESSAGING_SYSTEM: "redis",
        messaging.MESSAGING_DESTINATION_NAME: QUEUE,
        messaging.MESSAGING_OPERATION_NAME: operation,
        messaging.MESSAGING_OPERATION_TYPE: operation,
    }


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object. Raise ValueError if it has a name twice.

    JSON readers differ in which of the two values they take.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("it has a name twice")
    return fields


def read(message: str | bytes) -> tuple[dict[str, object], context.Context]:
    """Return a message's fields and its sender's context.

    Raise ValueError for an invalid message.
    """
    try:
        fields = json.loads(message, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # RecursionError: it is nested too deeply
        raise ValueError(f"it is no JSON object: {error}") from None
    if not isinstance(fields, dict):
        # Not a TypeError: handle() treats every ValueError as an invalid message.
        raise ValueError(f"it is no JSON object: {fields!r:.50}")  # noqa: TRY004
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    carrier = {name: value for name, value in texts.items() if len(value) <= MAX_HEADER}
    for name in propagate.get_global_textmap().fields & carrier.keys():
        if not carrier[name].isprintable():
            raise ValueError(f"its {name} has characters that no header can have")
    return fields, propagate.extract(carrier, context.Context())


async def handle(message: str | bytes) -> None:
    """Do the work of one message, as a part of its sender's trace.

    A message that cannot be handled is logged and dropped. No error may stop the messages after it.
    """
    try:
        fields, sender = read(message)
    except ValueError as error:
        log.error("a message was dropped: %.200s", error)
        return
    token = context.attach(sender)
    try:
        with tracer.start_as_current_span(
            f"process {QUEUE}",
            kind=SpanKind.CONSUMER,
            attributes=messaging_attributes("process"),
        ):
            process_transaction(fields.get("amount_cents"))  # type: ignore[arg-type]  # it checks
    except ValueError as error:  # the work refuses the message; any other error is a bug
        log.error("a message was dropped: %.200s", error)
    except asyncio.CancelledError:
        raise
    except BaseException:  # sys.exit() in a library, or a panic in one that is written in Rust
        log.exception("a message was dropped")
    finally:
        context.detach(token)


async def work() -> None:
    """Handle messages until SIGTERM or SIGINT.

    Then finish the current message and drain telemetry.
    """
    telemetry.configure()
    stopping = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, stopping.set)
    redis = Redis.from_url(REDIS_URL)
    try:
        while not stopping.is_set():
            try:
                with suppress_instrumentation():  # otherwise every poll would be a trace
                    # The timeout lets the loop check `stopping`.
                    taken = await redis.blpop([QUEUE], timeout=PAUSE_SECONDS)
            except RedisError as error:
                log.warning("Redis cannot be reached, trying again: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if taken:
                await handle(taken[1])
    finally:
        await asyncio.to_thread(telemetry.shutdown)
        await redis.aclose()
