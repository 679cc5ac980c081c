"""Log records over OTLP: what the service logs arrives, and what exporting logs does not."""

import subprocess
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import clean_environment

pytestmark = pytest.mark.slow

PROGRAM = """
import logging, time
from payment_service import telemetry
telemetry.configure()
logging.getLogger().setLevel(logging.DEBUG)
with telemetry.trace.get_tracer("test").start_as_current_span("work"):
    logging.getLogger("shop").debug("sold out")
time.sleep(1.5)
telemetry.shutdown()
"""


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_exporting_logs_makes_no_logs(protocol: Any, projects: Projects) -> None:
    """With the root logger at DEBUG one line is one record, with its trace; over 15 exports no other comes of them."""
    with Receiver(protocol) as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp"}
        delays = {
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
        }
        subprocess.run(
            [projects(protocol) / ".venv/bin/python", "-c", PROGRAM],
            env=clean_environment() | variables | delays,
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
        (span,) = receiver.spans
        records = [log for log in receiver.logs if log.scope not in ("asyncio",)]
    assert [(log.body, log.trace_id, log.span_id) for log in records] == [("sold out", span.trace_id, span.span_id)]
