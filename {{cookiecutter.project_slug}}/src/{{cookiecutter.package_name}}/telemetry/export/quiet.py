"""Drops lines of OpenTelemetry that come too often."""

import logging

from .answers import is_asking


def start() -> None:
    """Drop the WARNING about each text that is cut, and the exporters' lines about attempts."""
    logging.getLogger("opentelemetry.attributes").addFilter(_is_not_about_a_cut)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_about_an_attempt)


def _is_not_about_a_cut(record: logging.LogRecord) -> bool:
    # Clients decide how many texts are too long. Only the wording tells this WARNING from others.
    return not str(record.msg).startswith("String attribute value exceeds max length")


def _is_not_about_an_attempt(record: logging.LogRecord) -> bool:
    # An exporter logs an ERROR for each failed attempt. outage.py and sending.py say more. It logs
    # a WARNING only where its own retries are turned on.
    if record.levelno < logging.ERROR or not is_asking():
        return True
    return not record.name.startswith("opentelemetry.exporter.")
