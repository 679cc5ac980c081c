"""Limits how often a kind of line is logged."""

import time


class Throttle:
    """Allows one line of a kind within a number of seconds."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def allows(self, kind: str) -> bool:
        """Return whether a line of this kind may be logged now; it counts as logged then."""
        now = time.monotonic()
        last = self._last.get(kind)
        if last is not None and now - last < self._seconds:
            return False
        self._last[kind] = now
        return True
