"""Limits how often a kind of line is logged."""

import time

MAX_KINDS = 20  # someone else may choose the words of a line


class Throttle:
    """Allows one line of a kind within a number of seconds."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def allows(self, kind: str) -> bool:
        """Return whether a line of this kind may be logged now; it counts as logged then."""
        now = time.monotonic()
        for other, logged_at in [*self._last.items()]:
            if now - logged_at >= self._seconds:
                self._last.pop(other, None)  # a signal handler may come between
        if kind in self._last or len(self._last) >= MAX_KINDS:
            return False
        self._last[kind] = now
        return True
