"""Log lines on standard output: each record on one line, with the ids of its trace."""

import logging
import re
import sys

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

# Characters on which a terminal or a reader of lines would act. Messages and paths from outside may
# hold any of them.
CONTROLS = r"\x00-\x1f\x7f-\x9f"
ENDS_AND_DIRECTIONS = r"\u2028-\u202e\u2066-\u2069"  # line ends, marks of writing direction
LONE_SURROGATES = r"\ud800-\udfff"  # to print one raises UnicodeEncodeError
UNPRINTABLE = re.compile(f"[{CONTROLS}{ENDS_AND_DIRECTIONS}{LONE_SURROGATES}]")
# How each line of write_to_stdout() begins.
RECORD = re.compile(r"\d{4}-\d\d-\d\d ")


def escape(text: str) -> str:
    r"""Return the text with \n, \x1b, \u2028 and the like for each unprintable character."""
    return UNPRINTABLE.sub(_escape_sequence, text)


def _escape_sequence(found: re.Match[str]) -> str:
    quoted = ascii(found[0])
    return quoted.strip("'")


class TraceFormatter(logging.Formatter):
    """Adds trace_id and span_id to a line that was logged inside a span.

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
        line = escape(super().formatMessage(record))
        span = get_current_span().get_span_context()
        if not span.is_valid:
            return line
        trace_id = format_trace_id(span.trace_id)
        span_id = format_span_id(span.span_id)
        return f"{line} trace_id={trace_id} span_id={span_id}"


def write_to_stdout() -> None:
    """Write the root logger's records, from INFO on, to standard output.

    If the root logger already has handlers, nothing changes.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TraceFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # At INFO they log every URL with its query string.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
