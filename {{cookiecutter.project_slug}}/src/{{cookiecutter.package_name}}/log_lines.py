"""Log lines on standard output: how they look is yours to decide."""

import logging
import sys

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span


class TraceFormatter(logging.Formatter):
    """Ends a line that was logged inside a span with the ids that lead from the line to its trace."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, the standard library's name
        """Return the line, without the traceback that may follow it."""
        line, span = super().formatMessage(record), get_current_span().get_span_context()
        ids = f" trace_id={format_trace_id(span.trace_id)} span_id={format_span_id(span.span_id)}"
        return line + ids if span.is_valid else line


def write_to_stdout() -> None:
    """Send the root logger's lines, from INFO on, to standard output; a root that has handlers stays as it is."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TraceFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes every URL with its query string
