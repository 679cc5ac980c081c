"""The live proof: does what the service does, with one span, metric and log record, and tells what came of it."""

import logging
import os
import re

from opentelemetry import metrics, trace

from . import configure, shutdown
from .settings import scrub

NAME = "doctor"  # of the span, the metric and the log record, so that they can be told from real ones


class Complaints(logging.Handler):
    """Keeps what went wrong: an exporter tells its log why it failed, and nobody else."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__(logging.WARNING)
        self.lines: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, and of those that differ only in numbers the last."""
        self.lines[re.sub(r"[\d.]+", "", record.getMessage())] = record.getMessage()


def main() -> int:
    """Print a line for each finding; return 0 only if spans, and the other signals that are on, arrive."""
    complaints = Complaints()
    logging.basicConfig(handlers=[complaints], level=logging.INFO)
    log = logging.getLogger(__name__)
    if os.environ["OTEL_TRACES_SAMPLER"].lower().endswith("always_off"):
        log.error("OTEL_TRACES_SAMPLER is %s: the service keeps no trace", os.environ["OTEL_TRACES_SAMPLER"])
    os.environ["OTEL_TRACES_SAMPLER"] = "always_on"  # a sampler that leaves this span out would prove nothing
    if "otlp" not in os.environ["OTEL_TRACES_EXPORTER"].lower():
        log.error("OTEL_TRACES_EXPORTER leaves out otlp: no span leaves this machine")
    configure()
    trace.get_tracer(NAME).start_span(NAME).end()
    metrics.get_meter(NAME).create_counter(NAME).add(1)
    logging.getLogger(NAME).info(NAME)
    shutdown()
    print(f"OTEL_EXPORTER_OTLP_ENDPOINT is {scrub(os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'])}")
    for line in complaints.lines.values():
        print(f"wrong: {line}")
    if not complaints.lines:
        print("ok: telemetry arrives there")
    return bool(complaints.lines)
