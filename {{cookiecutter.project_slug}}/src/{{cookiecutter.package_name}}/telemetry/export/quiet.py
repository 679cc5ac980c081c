"""Drops lines of OpenTelemetry that come too often: one a cut text, one a failed attempt."""

import logging

from ..throttle import Throttle

# Exporters log each failed attempt, and retrying.py makes one a second.
EXPORTERS = "opentelemetry.exporter."
SECONDS_BETWEEN_LINES = 20.0  # of the same logger and the same message


def start() -> None:
    """Drop the WARNING about each text that is cut, and repeated lines of exporters."""
    logging.getLogger("opentelemetry.attributes").addFilter(_is_not_about_a_cut)
    for handler in logging.getLogger().handlers:
        handler.addFilter(EXPORTER_LINES)


def _is_not_about_a_cut(record: logging.LogRecord) -> bool:
    # Clients decide how many texts are too long. Only the wording tells this WARNING from others.
    return not str(record.msg).startswith("String attribute value exceeds max length")


class ExporterLines(logging.Filter):
    """Lets a line of an exporter through once in SECONDS_BETWEEN_LINES."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle(SECONDS_BETWEEN_LINES)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; each handler gets the same decision."""
        if not record.name.startswith(EXPORTERS):
            return True
        decision: bool | None = getattr(record, "is_written", None)
        if decision is None:
            decision = self._throttle.allows(f"{record.name} {record.msg}")
            record.is_written = decision
        return decision


EXPORTER_LINES = ExporterLines()  # one object: a handler ignores a filter that it has already
