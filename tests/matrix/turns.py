"""Who may start and who may end, when several services run at the same time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOMENT_SECONDS = 0.3


class Turns:
    """Lets services start together, or end together: what starts takes the processor from what is timed."""

    def __init__(self) -> None:
        """Begin with nothing running."""
        self._changed = threading.Condition()
        self._starting = self._ending = 0
        self._next_end = 0.0

    @contextmanager
    def start(self) -> Iterator[None]:
        """Wait until nothing is ending or about to."""
        with self._changed:
            self._changed.wait_for(lambda: not self._ending)
            self._starting += 1
        try:
            yield
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()

    @contextmanager
    def end(self) -> Iterator[None]:
        """Wait until nothing is starting, and keep what would start from it; one end begins a moment after another."""
        with self._changed:
            self._ending += 1
            self._changed.wait_for(lambda: not self._starting)
            begin = self._next_end = max(time.monotonic(), self._next_end + MOMENT_SECONDS)
        time.sleep(max(0.0, begin - time.monotonic()))
        try:
            yield
        finally:
            with self._changed:
                self._ending -= 1
                self._changed.notify_all()
