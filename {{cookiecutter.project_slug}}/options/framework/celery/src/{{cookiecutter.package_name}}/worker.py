"""Makes Celery's worker drop each message that it cannot handle.

Without this such a message stops the worker, and often comes back after a restart.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import itemgetter
from queue import Empty
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.worker import request
from celery.worker.consumer import Consumer
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import DataError, RedisError

program: Any = import_module("celery.apps.worker")  # its types lack safe_say
log = logging.getLogger(__name__)
DROPPED = "a message was dropped: %.200s"
# The range of a time limit. A shorter one would kill the pool's process before it could report.
LEAST_SECONDS, MOST_SECONDS = 1, 1e9


class NotAMessageError(Exception):
    """Raised for JSON that is not a Celery message."""


class Message(virtual.Message):
    """A message that has all fields that Kombu reads before it calls the consumer."""

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
    """Kombu's transport for Redis, which keeps reading after an invalid message."""

    Channel = Channel

    # Kombu's transports declare these two methods with different arguments.
    def on_readable(self, fileno: int) -> None:  # type: ignore[override]
        """Read from Redis in the event loop."""
        with dropping():
            super().on_readable(fileno)

    def drain_events(self, connection: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Read from Redis without an event loop: in a pool of greenlets."""
        with dropping():
            super().drain_events(connection, **kwargs)


TRANSPORT_ALIASES["redis"] = f"{__name__}:Transport"
TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"


@contextmanager
def dropping() -> Iterator[None]:
    """Log a message's error in one line.

    Redis no longer has the message, so there is nothing to undo.
    """
    try:
        yield
    except DataError as error:  # the message holds a value that Redis cannot store
        log.error(DROPPED, error)
    except (RedisError, OSError, Empty):  # the connection failed: Celery connects again
        raise
    except KeyError as error:
        if error.args and isinstance(error.args[0], int):  # a closed connection's number
            raise
        log.error(DROPPED, f"it has no {error}")
    except Exception as error:  # noqa: BLE001, the next message must be read after any error
        log.error(DROPPED, error)


class Request(request.Request):
    """A request that is checked before it goes to the pool.

    A request that fails in the pool keeps its place there forever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hash(self.id)
        dict.fromkeys(self.stamps)
        hard, soft = self.time_limits
        for limit in (hard, soft):
            if limit is not None and not LEAST_SECONDS <= limit < MOST_SECONDS:
                raise InvalidTaskError(f"invalid timelimit {limit!r}")


class DroppingConsumer(Consumer):
    """Celery's consumer, which keeps running after a message that makes Celery raise."""

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
                # Kombu lists KeyError as a connection error, but here a field is missing.
                if lost and not isinstance(error, KeyError):
                    raise
                log.error(DROPPED, f"Celery cannot read it ({error!r})")
                if not message.acknowledged:
                    message.reject_log_error(log, self.connection_errors)

        return handle_or_drop


def one_line(record: logging.LogRecord) -> bool:
    """Shorten what Celery logs when it drops a message to its first line.

    The other lines are the message itself and a traceback.
    """
    text = str(record.msg)
    is_unknown = "The full contents of the message body was" in text
    if is_unknown or text.startswith("Can't decode message body"):
        first = text.partition("\n")[0]
        values = record.args if isinstance(record.args, tuple) else ()
        record.msg = DROPPED
        record.args = (first % values[: first.count("%")],)
        record.exc_info = None
    return True


def say(message: str, _file: object = None) -> None:
    """Write what Celery says about its end as a log line.

    Celery says it in a signal handler, where logging could wait for itself.
    """
    record = logging.makeLogRecord(
        {
            "name": program.__name__,
            "levelname": "INFO",
            "msg": message,
        }
    )
    for handler in logging.getLogger().handlers[:1]:
        line = handler.format(record)
        os.write(1, f"{line}\n".encode())


program.safe_say = say
