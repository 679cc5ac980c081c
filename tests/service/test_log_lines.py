"""With LOG_FORMAT=json every line of a running service is an object, whoever writes it; and text lines show the same."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.redis import MAY_SKIP, Redis
from ..harness.service import Service, clean_environment
from ..harness.waiting import wait_until
from .grown import copy, grow
from .test_queues import send

pytestmark = pytest.mark.slow

NEEDS_REDIS = pytest.mark.skipif(MAY_SKIP, reason="redis-server is not installed")

SERVERS = [
    pytest.param("fastapi", (), id="uvicorn"),
    pytest.param("fastapi", ("gunicorn", "payment_service.app:app"), id="gunicorn-asgi"),
    pytest.param("flask", (), id="gunicorn"),
    pytest.param("celery", (), id="celery", marks=NEEDS_REDIS),
    pytest.param("worker", (), id="worker", marks=NEEDS_REDIS),
]
ROUTES = '''

@app.get("/told")
async def told() -> str:
    """Log, warn and fail."""
    import warnings

    logging.getLogger("shop").warning("sold out", extra={"order": 7, "note": "a\\nb"})
    warnings.warn("old way", DeprecationWarning, stacklevel=1)
    raise LookupError("no\\nstock")
'''

# What many teams write.
THEIRS = """
import json, logging, sys

class Formatter(logging.Formatter):
    def format(self, record):
        return json.dumps({"msg": super().format(record)})

def write_to_stdout():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Formatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
"""


def objects(output: str) -> list[dict[str, Any]]:
    """Return the object of each line; every line must be one."""
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(("framework", "command"), SERVERS)
def test_every_line_is_an_object(
    framework: str, command: tuple[str, ...], projects: Projects, request: pytest.FixtureRequest
) -> None:
    """From the first line to the last, the server's own lines included; the work's line has the ids of its span."""
    project = projects("grpc", framework)
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "LOG_FORMAT": "json"}
        if framework in ("fastapi", "flask"):
            with Service(project, *command, **variables) as service:
                assert service.post(4999) == 201
                service.stop()
                output = service.output
        else:
            redis = request.getfixturevalue("queue")
            variables["REDIS_URL"] = redis.url
            assert send(project, "4999", **variables).returncode == 0
            with Service(project, ready=None, **variables) as service:
                wait_until(lambda: "processed transaction" in service.output, "the work")
                service.stop()
                output = service.output
        lines = objects(output)
        (work,) = [span for span in receiver.spans if span.name == "process_transaction"]
    assert all({"time", "level", "logger", "message"} <= {*line} for line in lines)
    (told,) = [line for line in lines if line["message"].startswith("processed transaction")]
    assert (told["trace_id"], told["span_id"]) == (work.trace_id, work.span_id)


@pytest.fixture
def queue() -> Any:
    """Return a Redis."""
    with Redis() as redis:
        yield redis


@pytest.mark.parametrize("form", ["json", "text"])
def test_extra_warnings_and_exceptions_come_the_same_way(form: str, projects: Projects, tmp_path: Path) -> None:
    """The fields of `extra`, a warning of Python and a traceback: each is in one record."""
    path = grow(projects("grpc"), tmp_path, routes=ROUTES, imports="import logging\n")
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "LOG_FORMAT": form, "PYTHONWARNINGS": "always"}
        with Service(projects("grpc"), PYTHONPATH=path, **variables) as service:
            assert service.request("GET", "/told")[0] == 500
            service.stop()
            output = service.output
    if form == "text":
        assert r"sold out order=7 note='a\nb' trace_id=" in output
        assert "WARNING py.warnings: " in output
        return
    lines = objects(output)
    (told,) = [line for line in lines if line["logger"] == "shop"]
    assert (told["order"], told["note"]) == (7, "a\nb")
    (warning,) = [line for line in lines if line["logger"] == "py.warnings"]
    assert "DeprecationWarning: old way" in warning["message"]
    (failed,) = [line for line in lines if "exception" in line]
    assert failed["exception"].rstrip().endswith("LookupError: no\nstock")
    assert failed["trace_id"] == told["trace_id"]


@pytest.mark.parametrize("framework", ["fastapi", "celery"])
def test_no_test_of_the_service_depends_on_how_a_line_looks(framework: str, projects: Projects, tmp_path: Path) -> None:
    """With a formatter of the team's own in log_lines.py, and LOG_FORMAT set in the shell, the service's tests pass."""
    project = projects("grpc", framework)
    (copy(project, tmp_path) / "log_lines.py").write_text(THEIRS)
    done = subprocess.run(
        [project / ".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"],
        cwd=project,
        env=clean_environment() | {"PYTHONPATH": str(tmp_path), "LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
