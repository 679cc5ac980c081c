"""Log lines on standard output: each record on one line, with the ids of its trace.

LOG_FORMAT=text is for people, and the default. LOG_FORMAT=json is for machines: every manifest
sets it.
"""

import copy
import json
import logging
import os
import re
import sys
from typing import Any

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# Characters on which a terminal or a reader of lines would act. Messages and paths from outside may
# hold any of them.
CONTROLS = r"\x00-\x1f\x7f-\x9f"
ENDS_AND_DIRECTIONS = r"\u2028-\u202e\u2066-\u2069"  # line ends, marks of writing direction
LONE_SURROGATES = r"\ud800-\udfff"  # to print one raises UnicodeEncodeError
UNPRINTABLE = re.compile(f"[{CONTROLS}{ENDS_AND_DIRECTIONS}{LONE_SURROGATES}]")
# How each line of a TraceFormatter begins.
RECORD = re.compile(r"\d{4}-\d\d-\d\d ")


TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# The fields of each JSON object, and how they are called there; those of `extra` keep their names.
FIELDS = {
    "levelname": "level",
    "name": "logger",
    "message": "message",
    "exc_info": "exception",
    "stack_info": "stack",
}
# Fields of `extra` that would take the place of one of ours.
CLASHES = {
    name: f"extra.{name}"
    for name in (
        "level",
        "logger",
        "exception",
        "stack",
        "trace_id",
        "span_id",
    )
}
# What logging itself and servers add to a record. Everything else is from the `extra` of a call.
NOT_EXTRA = frozenset(RESERVED_ATTRS) | {"color_message", "websocket"}


def escape(text: str) -> str:
    r"""Return the text with \n, \x1b, \u2028 and the like for each unprintable character."""
    return UNPRINTABLE.sub(_escape_sequence, text)


def _escape_sequence(found: re.Match[str]) -> str:
    quoted = ascii(found[0])
    return quoted.strip("'")


def _ids() -> dict[str, str]:
    """Return the ids of the current trace and span, or nothing outside a span."""
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {
        "trace_id": format_trace_id(span.trace_id),
        "span_id": format_span_id(span.span_id),
    }


def _shown(value: object) -> str:
    """Return how a value is written in code, or its type if it cannot be written."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001, an object may raise anything
        return f"<{type(value).__name__}>"


class TraceFormatter(logging.Formatter):
    """Adds the `extra` of a call, and trace_id and span_id if it was made inside a span.

    A record is one line, so that nothing from outside can forge another. A traceback may follow it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and its traceback, in which no line begins like a record."""
        line, *traceback = super().format(record).split("\n")
        lines = [line]
        for text in traceback:
            escaped = escape(text)
            if RECORD.match(escaped):
                escaped = f"  {escaped}"
            lines.append(escaped)
        return "\n".join(lines)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """Return the line, without the traceback that may follow it."""
        parts = [super().formatMessage(record)]
        for name, value in vars(record).items():
            if name not in NOT_EXTRA:
                parts.append(f"{name}={_shown(value)}")
        for name, hexadecimal in _ids().items():
            parts.append(f"{name}={hexadecimal}")
        line = " ".join(parts)
        return escape(line)


class JsonLines(JsonFormatter):
    """Makes a JSON object of each record: one line, which nothing from outside can break."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields=FIELDS | CLASHES,
            reserved_attrs=[*NOT_EXTRA],
            timestamp="time",  # in UTC
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. A message that is a mapping is a text: it may come from outside."""
        if isinstance(record.msg, dict):
            record = copy.copy(record)
            record.msg = _shown(record.msg)
            record.args = None
        return super().format(record)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Add the ids; a field of `extra` does not take their place."""
        return log_data | _ids()

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the object. JSON has no numbers for NaN and infinity: their names stand there."""
        try:
            line = super().jsonify_log_record(log_data)
        except (TypeError, ValueError, RecursionError):  # what JSON cannot hold is a text
            shown = {}
            for name, value in log_data.items():
                shown[str(name)] = value if isinstance(value, str) else _shown(value)
            line = json.dumps(shown)
        if "NaN" not in line and "Infinity" not in line:
            return line
        readable = json.loads(line, parse_constant=str)
        return json.dumps(readable)


def log_formatter() -> logging.Formatter:
    """Return the formatter that LOG_FORMAT chooses."""
    if os.environ.get("LOG_FORMAT") == "json":
        return JsonLines()
    return TraceFormatter(TEXT)


def problem() -> str:
    """Return what is wrong with LOG_FORMAT, or nothing."""
    value = os.environ.get("LOG_FORMAT") or "text"
    if value in ("text", "json"):
        return ""
    return f"LOG_FORMAT must be text or json, got {value:.30}; text is used"


def write_to_stdout() -> None:
    """Write the root logger's records, from INFO on, and Python's warnings to standard output.

    LOG_FORMAT chooses their format: text, or json as in the manifests. If the root logger already
    has handlers, they stay, and nothing is added.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(log_formatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.captureWarnings(True)
    # At INFO they log every URL with its query string.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
