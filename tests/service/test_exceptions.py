"""An exception that leaves the application is found from its trace, and its trace from the log line: once each."""

import re
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service
from .grown import grow

pytestmark = pytest.mark.slow

IMPORTS = "from fastapi import BackgroundTasks, HTTPException, WebSocket\n"
ROUTES = """

def fail(where: str) -> None:
    raise LookupError(f"no stock in {where}")


@app.get("/endpoint")
async def endpoint() -> None:
    fail("endpoint")


@app.get("/background")
async def background(tasks: BackgroundTasks) -> None:
    tasks.add_task(fail, "background")


@app.get("/handled")
async def handled() -> None:
    raise HTTPException(404)


@app.websocket("/websocket")
async def websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    fail("websocket")
"""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
UVICORN_WORKER = ("gunicorn", "-k", "uvicorn_worker.UvicornWorker", "payment_service.app:app")
WHERE = ("endpoint", "background", "websocket")


@pytest.mark.parametrize("command", [(), ("gunicorn", "payment_service.app:app")], ids=["uvicorn", "gunicorn"])
def test_an_exception_is_on_its_span_and_in_one_line(
    command: tuple[str, ...], projects: Projects, tmp_path: Any
) -> None:
    """Of an endpoint, a background task and a websocket: an event, ERROR with a description, one line and one record."""
    project = projects("grpc")
    with Receiver("grpc") as receiver:
        variables: dict[str, Any] = {
            "PYTHONPATH": grow(project, tmp_path, IMPORTS, ROUTES),
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_LOGS_EXPORTER": "otlp",
        }
        with Service(project, *command, **variables) as service:
            assert service.request("GET", "/endpoint")[0] == 500
            assert service.request("GET", "/background")[0] == 200
            assert service.request("GET", "/handled")[0] == 404
            connection = service.connect()
            connection.request("GET", "/websocket", headers=UPGRADE)
            answer = connection.getresponse()
            assert answer.status == 101
            answer.close()
            connection.close()
            service.stop()
            output = service.output
    failed = {}
    for span in receiver.spans:
        for name, attributes in span.events:
            assert name == "exception"
            failed[attributes["exception.message"]] = span
    assert failed.keys() == {f"no stock in {where}" for where in WHERE}
    for message, span in failed.items():
        assert (span.status, span.status_message) == ("ERROR", f"LookupError: {message}")
        assert output.count(f"LookupError: {message}") == 1
        (record,) = [log for log in receiver.logs if log.attributes.get("exception.message") == message]
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
        assert f"failed trace_id={span.trace_id} span_id={span.span_id}" in output
    assert len(re.findall(" ERROR ", output)) == len(WHERE)
    names = {span.span_id: span.name for span in receiver.spans}
    assert names[failed["no stock in background"].parent_id] == "GET /background"
