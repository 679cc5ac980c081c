"""Log lines and records: what the service logs arrives, what exporting logs does not, and nobody outside writes any."""

import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service, clean_environment
from ..harness.waiting import wait_until
from .grown import grow

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED", "true"), ("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION", "false")],
)
def test_no_variable_keeps_records_from_their_provider(variable: str, value: str, projects: Projects) -> None:
    """OTEL_LOGS_EXPORTER alone decides: the record arrives, and one ERROR says that the variable is not used."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp", variable: value}
        done = subprocess.run(
            [projects("grpc") / ".venv/bin/python", "-c", PROGRAM],
            env=clean_environment() | variables,
            check=True,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert "sold out" in {log.body for log in receiver.logs}
    (told,) = [line for line in done.stdout.splitlines() if " ERROR " in line]
    assert f"{variable}='{value}' is ignored" in told


SIMILAR = ["requests_inbox", "grpc_gateway.api", "urllib3x", "opentelemetry_rules", "payment_service.telemetry_rules"]
LIBRARIES = ["requests", "requests.sessions", "grpc._channel", "urllib3.connectionpool", "opentelemetry.sdk"]
NAMED = """
import logging
from payment_service import telemetry
telemetry.configure()
for name in %r:
    logging.getLogger(name).error("sold %%s", "out")
telemetry.shutdown()
"""


def test_a_logger_with_a_similar_name_is_exported(projects: Projects) -> None:
    """Records of `requests_inbox` and the like are the service's, and leave as log records; a library's own do not."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", NAMED % (SIMILAR + LIBRARIES)],
        env=clean_environment() | {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "console"},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    lines = re.findall(r"ERROR (\S+): sold out", done.stdout)
    assert lines == SIMILAR + LIBRARIES
    assert done.stdout.count('"body": "sold out"') == len(SIMILAR)


FORGED = "2026-11-27 00:00:00,000 INFO forged"
NUMBERS = [*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xD800, 0xDFFF]
HOSTILE = rf"""
import logging
from payment_service import telemetry
telemetry.report()
log = logging.getLogger("shop")
for number in {NUMBERS}:
    log.info("in %d%c{FORGED}", number, number)
log.info("caf\xe9 \u2603\xa0!")
try:
    raise ValueError("no\r\n{FORGED}\n\n{FORGED}\x1b[2K")
except ValueError:
    log.exception("it failed\n{FORGED}")
    logging.getLogger("opentelemetry").exception("it failed")
"""


def test_a_record_is_one_line(projects: Projects) -> None:
    """No character in a message or an exception begins another record; letters, spaces and the traceback stay."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", HOSTILE],
        env=clean_environment(),
        check=True,
        timeout=60,
        capture_output=True,
        encoding="utf-8",
    )
    lines = re.split("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", done.stdout)
    records = [line for line in lines if re.match(r"\d{4}-", line)]
    inside = [record for record in records if " INFO shop: in " in record]
    assert [line.partition(" in ")[2] for line in inside] == [
        f"{number}{ascii(chr(number))[1:-1]}{FORGED}" for number in NUMBERS
    ]
    assert len(records) == len(inside) + 3
    assert [line for line in lines if line.startswith(FORGED)] == []
    assert records[-3].endswith("INFO shop: caf\xe9 \u2603\xa0!")
    assert lines.count("Traceback (most recent call last):") == 2
    assert lines.count(f"  {FORGED}") == 2
    assert lines.count(f"  {FORGED}\\x1b[2K") == 2
    assert done.stderr == ""


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_a_malformed_header_is_one_short_line(framework: str, projects: Projects) -> None:
    """Baggage and tracestate of 20 requests, malformed in thousands of parts, are one line a process, without them."""
    many = ",".join(["secret mine"] * 330)
    states = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "secret mine"}
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "WEB_CONCURRENCY": "1"}
        with Service(projects("grpc", framework), **variables) as service:
            for headers in [{"baggage": many}, {"baggage": f"secret={'mine' * 1100}"}, states, {"baggage": "mine"}] * 5:
                assert service.post(1, headers=headers) == 201
            assert receiver.wait_for(lambda arrived: len(arrived.spans) == 40)
            service.stop()
            output = service.output
    warnings = [line.rpartition(": ")[2] for line in output.splitlines() if " WARNING " in line]
    assert warnings == ["a caller's trace headers (baggage, tracestate) are malformed, and not used in full"]
    assert "mine" not in output


IMPORTS = "from fastapi import WebSocket\nimport httpx2, logging\n"
ROUTES = """

@app.websocket("/ws")
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    async with httpx2.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{websocket.url.port}/healthz?key=hidden")
    logging.getLogger("shop").info("asked")
"""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_no_line_shows_a_query(projects: Projects, tmp_path: Path) -> None:
    """Neither Uvicorn's line about a websocket, which is there, nor httpx2's about a request, which is not."""
    project = projects("grpc")
    with Service(project, PYTHONPATH=grow(project, tmp_path, IMPORTS, ROUTES)) as service:
        connection = service.connect()
        connection.request("GET", "/ws?token=hidden", headers=UPGRADE)
        answer = connection.getresponse()
        with closing(connection), closing(answer):
            assert answer.status == 101
            wait_until(lambda: "asked" in service.output, "the answer", seen=lambda: service.output)
        service.stop()
        output = service.output
    assert "WebSocket /ws?token=REDACTED" in output
    assert "hidden" not in output
    assert "HTTP Request" not in output
