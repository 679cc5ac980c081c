"""How Celery's worker reads messages: it drops each one that it cannot handle.

Without this such a message ends the worker, and is there again after a restart.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from queue import Empty
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.worker import request
from celery.worker.consumer import Consumer
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import DataError, RedisError

log = logging.getLogger(__name__)
DROPPED = "a message was dropped: %.200s"
# Of a time limit: one below ends the process of the pool before it could tell what it did.
LEAST_SECONDS, MOST_SECONDS = 1, 1e9


class NotAMessageError(Exception):
    """Raised for JSON that is not one of Celery's messages."""


class Message(virtual.Message):
    """A message that has everything that Kombu reads before it calls the consumer."""

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        try:
            super().__init__(payload, channel, **kwargs)
            itemgetter("exchange", "routing_key")(self.delivery_info)
            str.encode(self.delivery_tag)  # type: ignore[arg-type]  # a message may hold anything
        except Exception as error:
            raise NotAMessageError(f"it is not a Celery message ({error!r})") from error


class Channel(redis.Channel):
    Message = Message


class Transport(redis.Transport):
    """Kombu's transport for Redis, which goes on reading after it has read something that is no message."""

    Channel = Channel

    def on_readable(self, fileno: int) -> None:  # type: ignore[override]  # Kombu's transports differ in this
        """Read what Redis has sent, in the event loop."""
        with dropping():
            super().on_readable(fileno)

    def drain_events(self, connection: Any, **kwargs: Any) -> None:  # type: ignore[override]  # and in this
        """Read what Redis has sent, where there is no event loop: in a pool of greenlets."""
        with dropping():
            super().drain_events(connection, **kwargs)


TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"


@contextmanager
def dropping() -> Iterator[None]:
    """Log the error of a message in one line. Redis has given the message away, so nothing else is to be done."""
    try:
        yield
    except DataError as error:  # the message holds a value that Redis cannot store
        log.error(DROPPED, error)
    except (RedisError, OSError, Empty):  # the connection failed: Celery connects again
        raise
    except KeyError as error:
        if error.args and isinstance(error.args[0], int):  # a file descriptor: the connection is gone
            raise
        log.error(DROPPED, f"it has no {error}")
    except Exception as error:  # noqa: BLE001, whatever it is, the next message must be read
        log.error(DROPPED, error)


class Request(request.Request):
    """A request that can be handed to the pool: one that fails there takes a place in the pool, and never leaves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hash(self.id)
        dict.fromkeys(self.stamps)
        hard, soft = self.time_limits
        for limit in (hard, soft):
            if limit is not None and not LEAST_SECONDS <= limit < MOST_SECONDS:
                raise InvalidTaskError(f"invalid timelimit {limit!r}")


class DroppingConsumer(Consumer):
    """Celery's consumer, which goes on after a message with an error that Celery does not expect."""

    connection_errors: tuple[type[Exception], ...]
    channel_errors: tuple[type[Exception], ...]

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return the function that is called with each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_or_drop(message: Any) -> None:
            try:
                handle(message)
            except Exception as error:
                lost = isinstance(error, self.connection_errors + self.channel_errors)
                if lost and not isinstance(error, KeyError):  # Kombu counts it as one; here a name is missing
                    raise
                log.error(DROPPED, f"Celery cannot read it ({error!r})")
                if not message.acknowledged:
                    message.reject_log_error(log, self.connection_errors)

        return handle_or_drop


def one_line(record: logging.LogRecord) -> bool:
    """Keep the first line of what Celery logs when it drops a message; the message itself and a traceback follow it."""
    text = str(record.msg)
    if "The full contents of the message body was" in text or text.startswith("Can't decode message body"):
        first = text.partition("\n")[0]
        values = record.args if isinstance(record.args, tuple) else ()
        record.msg = DROPPED
        record.args = (first % values[: first.count("%")],)
        record.exc_info = None
    return True
