"""Who may start and who may end, when several services run at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Lets services start together, or end together: what starts takes the processor from what is timed."""

    def __init__(self) -> None:
        """Begin with nothing running."""
        self._changed = threading.Condition()
        self._starting = self._ending = 0

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
        """Wait until nothing is starting, and keep what would start from it."""
        with self._changed:
            self._ending += 1
            self._changed.wait_for(lambda: not self._starting)
        try:
            yield
        finally:
            with self._changed:
                self._ending -= 1
                self._changed.notify_all()
