"""The live proof: does what the service does, with one span, metric and log record, and tells what came of it."""

import logging
import os

from opentelemetry import metrics, trace

from . import configure, shutdown

NAME = "doctor"  # of the span, the metric and the log record, so that they can be told from real ones


class Complaints(logging.Handler):
    """Keeps what went wrong: an exporter tells its log why it failed, and nobody else."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message once."""
        if (line := record.getMessage()) not in self.lines:
            self.lines.append(line)


def main() -> int:
    """Print a line for each finding; return 0 only if spans, and the other signals that are on, arrive."""
    complaints = Complaints()
    logging.basicConfig(handlers=[complaints], level=logging.INFO)
    configure()
    if "otlp" not in os.environ["OTEL_TRACES_EXPORTER"].lower():
        complaints.lines.append("OTEL_TRACES_EXPORTER leaves out otlp: no span leaves this machine")
    trace.get_tracer(NAME).start_span(NAME).end()
    metrics.get_meter(NAME).create_counter(NAME).add(1)
    logging.getLogger(NAME).info(NAME)
    shutdown()
    for line in complaints.lines:
        print(f"wrong: {line}")
    if not complaints.lines:
        print("ok: telemetry arrives")
    return bool(complaints.lines)
