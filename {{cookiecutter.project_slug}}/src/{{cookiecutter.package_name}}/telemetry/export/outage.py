"""Logs an outage of the receiver: when it begins, once a minute, and when it is over."""

import logging
import threading
import time

from .answers import Answer

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0  # while one outage lasts
# A receiver that takes some batches and not others is no outage with each of them.
SECONDS_OF_CALM = 10.0


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
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count an item that is put into the queue."""
        with self._lock:
            if self._queued == self.queue_size:
                self.lost += 1
            else:
                self._queued += 1
                self.unsent += 1

    def leave_queue(self, number: int) -> None:
        """Count items that are given to the exporter."""
        with self._lock:
            self._queued = max(0, self._queued - number)

    def settle(self, number: int) -> None:
        """Count items that are taken, or dropped for good."""
        with self._lock:
            self.unsent = max(0, self.unsent - number)


class Outage:
    """Knows whether the receiver of one signal is away."""

    def __init__(self, signal: str, receiver: str, backlog: Backlog | None):
        """Log about a signal and its receiver's address; without a backlog nothing waits."""
        self._signal = signal
        self._receiver = receiver
        self._backlog = backlog
        self._since: float | None = None  # a time of day, or None while the receiver is there
        self._lost_before = 0
        self._is_logged = False
        self._last_line = float("-inf")
        self._last_end = float("-inf")

    def failed(self, answer: Answer, began: float) -> None:
        """Note an attempt that may be repeated; `began` is when it did, by time.time()."""
        if self._since is None:
            self._since = began
            self._lost_before = self._lost()
        if self._may_log():
            self._is_logged = True
            self._last_line = time.monotonic()
            log.warning(
                "%s: %s has taken nothing since %s. %s Its last answer: %.200s",
                self._signal,
                self._receiver,
                time.strftime("%H:%M:%SZ", time.gmtime(self._since)),
                self._what_waits(),
                answer.text,
            )

    def taken(self) -> None:
        """Note that the receiver has taken something."""
        if self._since is None:
            return
        if self._is_logged:
            log.info(
                "%s: %s takes data again, after %.0f s. %s",
                self._signal,
                self._receiver,
                time.time() - self._since,
                self._what_is_late(),
            )
        self._since = None
        self._is_logged = False
        self._last_end = time.monotonic()

    def _may_log(self) -> bool:
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            return True
        return not self._is_logged and now - self._last_end >= SECONDS_OF_CALM

    def _what_waits(self) -> str:
        if self._backlog is None:
            return "The next export repeats what was not sent."
        unsent = self._backlog.unsent
        size = self._backlog.queue_size
        return f"Waiting: {unsent}, with room for {size}; lost: {self._lost_now()}."

    def _what_is_late(self) -> str:
        if self._backlog is None:
            return "The points are sums since the start."
        return f"Sent late: {self._backlog.unsent}; lost: {self._lost_now()}."

    def _lost(self) -> int:
        return self._backlog.lost if self._backlog else 0

    def _lost_now(self) -> int:
        return self._lost() - self._lost_before
