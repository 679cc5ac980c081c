"""Log lines on standard output, each with the ids of its trace, and each record on one line."""

import logging
import re
import sys

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

# What a terminal or a reader of lines would act on: control characters, other ends of lines,
# directions of writing, and lone surrogates, which cannot be printed at all. Messages and paths
# from outside may hold any of them.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
RECORD = re.compile(r"\d{4}-\d\d-\d\d ")  # what a line begins with, see write_to_stdout()


def escape(text: str) -> str:
    r"""Return the text with \n, \x1b, \u2028 and the like in place of what cannot be printed."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


class TraceFormatter(logging.Formatter):
    """Ends a line that was logged inside a span with the ids that lead from the line to its trace.

    A record is one line, so that nothing from outside can forge another; a traceback may follow it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and its traceback, in which no line begins like a record."""
        line, *traceback = super().format(record).split("\n")
        escaped = map(escape, traceback)
        return "\n".join([line, *(f"  {text}" if RECORD.match(text) else text for text in escaped)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """Return the line, without the traceback that may follow it."""
        line, span = escape(super().formatMessage(record)), get_current_span().get_span_context()
        ids = f" trace_id={format_trace_id(span.trace_id)} span_id={format_span_id(span.span_id)}"
        return line + ids if span.is_valid else line


def write_to_stdout() -> None:
    """Write the root logger's records, from INFO on, to standard output.

    If the root logger already has handlers, nothing changes.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TraceFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # At INFO httpx logs every URL with its query string.
    logging.getLogger("httpx").setLevel(logging.WARNING)
