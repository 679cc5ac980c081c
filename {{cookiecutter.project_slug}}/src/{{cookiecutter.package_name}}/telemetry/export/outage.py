"""Logs an outage of the receiver: when it begins, once a minute, and when it is over."""

import logging
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from .answers import Answer

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0  # while one outage lasts
_missing: set["Receiver"] = set()  # those that were logged: one line for all signals


@dataclass(frozen=True)
class Receiver:
    """Where a signal is sent."""

    address: str = "the receiver"  # without secrets
    is_chosen: bool = True  # False: it is the exporters' default, because no endpoint is set

    def nothing_listens(self) -> bool:
        """Return whether nobody chose the address, and nothing listens there, as on a laptop.

        It tries to connect, for a second at most.
        """
        if self.is_chosen:
            return False
        url = urlsplit(self.address)
        try:
            socket.create_connection((url.hostname, url.port), timeout=1.0).close()
        except TimeoutError:
            return False
        except OSError:
            return True
        return False


SOME_RECEIVER = Receiver()


class Backlog:
    """Counts the items that wait: the SDK has no public number for its processors' queues."""

    def __init__(self, queue_size: int):
        """Begin with an empty queue; it drops an item when it is full."""
        self.queue_size = queue_size
        self.renew()

    def renew(self) -> None:
        """Forget all counts, in a forked child: the parent sends what waits."""
        self.unsent = 0
        self.lost = 0
        self._queued = 0
        # Reentrant: a signal handler or the garbage collector may end a span while we count one.
        self._lock = threading.RLock()

    @property
    def queue_is_full(self) -> bool:
        """Return whether the next item that is put into the queue costs one of those in it."""
        return self._queued == self.queue_size

    def add(self) -> None:
        """Count an item that is put into the queue."""
        with self._lock:
            if self.queue_is_full:
                self.lost += 1
            else:
                self._queued += 1
                self.unsent += 1

    def lose(self, number: int) -> None:
        """Count items that are dropped because there is no room."""
        with self._lock:
            self.lost += number

    def leave_queue(self, number: int) -> None:
        """Count items that are given to the exporter."""
        with self._lock:
            self._queued = max(0, self._queued - number)

    def remove(self, number: int) -> None:
        """Count items that are taken, or dropped for good."""
        with self._lock:
            self.unsent = max(0, self.unsent - number)


class Outage:
    """Knows whether the receiver of one signal is away."""

    def __init__(self, signal: str, receiver: Receiver, backlog: Backlog | None):
        """Log about a signal and its receiver; without a backlog nothing waits."""
        self.has_no_receiver = False  # there is no receiver, and nobody has chosen one
        self._signal = signal
        self._receiver = receiver
        self._backlog = backlog
        # Times by time.monotonic().
        self.taken_at = float("-inf")  # when the receiver last took something
        self._since: float | None = None  # None while the receiver is there
        self._last_line = 0.0
        self._lost_before = 0

    @property
    def lasts(self) -> bool:
        """Return whether the receiver has taken nothing since an attempt that failed."""
        return self._since is not None

    def failed(self, answer: Answer, first_tried: float) -> None:
        """Note that a batch was not taken, which was tried for the first time at `first_tried`."""
        if first_tried < self.taken_at:
            return  # others are taken: it is no outage, but something in this batch
        now = time.monotonic()
        if self._since is None:
            self._since = first_tried
            self._lost_before = self._lost()
            never_taken = self.taken_at == float("-inf")
            self.has_no_receiver = never_taken and self._receiver.nothing_listens()
        elif now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        if self.has_no_receiver:
            self._log_missing()
            return
        began = time.time() - (now - self._since)
        log.warning(
            "%s: %s has taken nothing since %s. %s Its last answer: %.200s",
            self._signal,
            self._receiver.address,
            time.strftime("%H:%M:%SZ", time.gmtime(began)),
            self._what_waits(),
            answer.text,
        )

    def taken(self) -> None:
        """Note that the receiver has taken something."""
        self.taken_at = time.monotonic()
        if self._since is None:
            return
        log.info(
            "%s: %s takes data again, after %.0f s. %s",
            self._signal,
            self._receiver.address,
            self.taken_at - self._since,
            self._what_is_late(),
        )
        self._since = None
        self.has_no_receiver = False

    def _log_missing(self) -> None:
        if self._receiver in _missing:
            return
        _missing.add(self._receiver)
        log.info(
            "OTEL_EXPORTER_OTLP_ENDPOINT is not set and nothing listens at %s: nothing is sent",
            self._receiver.address,
        )

    def _what_waits(self) -> str:
        if self._backlog is None:
            return "The next export brings what was not sent."
        unsent = self._backlog.unsent
        size = self._backlog.queue_size
        return f"Waiting: {unsent}, with room for {size}; lost: {self._lost_now()}."

    def _what_is_late(self) -> str:
        if self._backlog is None:
            return "The next export brings what was not sent."
        return f"Waited and are sent now: {self._backlog.unsent}; lost: {self._lost_now()}."

    def _lost(self) -> int:
        return self._backlog.lost if self._backlog else 0

    def _lost_now(self) -> int:
        return self._lost() - self._lost_before
