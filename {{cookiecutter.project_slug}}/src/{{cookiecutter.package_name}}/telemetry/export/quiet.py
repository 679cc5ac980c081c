"""Drops lines of OpenTelemetry that would come too often: one for each text cut, one for each attempt."""

import logging
import time

EXPORTERS = "opentelemetry.exporter."  # log each failed attempt, and retrying.py makes one a second
SECONDS = 20.0  # between two lines of the same kind


def start() -> None:
    """Drop the WARNING about each text that is cut, and repeated lines of exporters."""
    logging.getLogger("opentelemetry.attributes").addFilter(_is_no_cut)
    for handler in logging.getLogger().handlers:
        handler.addFilter(SELDOM)


def _is_no_cut(record: logging.LogRecord) -> bool:
    # Clients decide how many texts are too long.
    return not str(record.msg).startswith("String attribute value exceeds max length")


class Seldom(logging.Filter):
    """Lets a line of an exporter through once in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; every handler decides alike."""
        if not record.name.startswith(EXPORTERS):
            return True
        decided: bool | None = getattr(record, "is_written", None)
        if decided is None:
            decided = record.is_written = self._is_due((record.name, str(record.msg)))
        return decided

    def _is_due(self, kind: tuple[str, str]) -> bool:
        now = time.monotonic()
        if now - self._last.get(kind, float("-inf")) < SECONDS:
            return False
        self._last[kind] = now
        return True


SELDOM = Seldom()  # one: a handler takes the same filter once
