"""Runs the service as one asyncio process, and sends messages to it."""

import asyncio
import json

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind
from redis import Redis

from . import telemetry
from .worker import QUEUE, REDIS_URL, messaging_attributes, work


def run() -> None:
    """Work until SIGTERM or SIGINT."""
    asyncio.run(work())


def send(amount_cents: int) -> None:
    """Put one traced message in the queue."""
    telemetry.configure()
    try:
        tracer = trace.get_tracer(__name__)
        with tracer.start_as_current_span(
            f"send {QUEUE}",
            kind=SpanKind.PRODUCER,
            attributes=messaging_attributes("send"),
        ):
            message: dict[str, object] = {"amount_cents": amount_cents}
            propagate.inject(message)
            with Redis.from_url(REDIS_URL) as redis:
                redis.rpush(QUEUE, json.dumps(message))
    except Exception as error:  # noqa: BLE001, a sentence is clearer than a traceback
        url = telemetry.scrub(REDIS_URL)
        raise SystemExit(f"nothing was sent; REDIS_URL is {url}: {error}") from None
    finally:
        telemetry.shutdown()
