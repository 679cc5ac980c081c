"""Other ways to serve the web kinds, as a person starts them in the project's folder."""

import signal
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service, free_port, uv
from .test_delivery import assert_whole, send

pytestmark = pytest.mark.slow

FLASK_RUN = ("flask", "--app", "payment_service.app", "run", "--port")


@pytest.mark.parametrize(
    ("framework", "command"),
    [
        ("flask", ()),
        ("flask", ("gunicorn", "payment_service.app:app")),
        ("fastapi", ("gunicorn", "payment_service.app:app")),
    ],
    ids=["flask", "flask-gunicorn", "fastapi-gunicorn"],
)
def test_gunicorn_delivers(framework: str, command: tuple[str, ...], projects: Projects) -> None:
    """40 requests among 10 health checks, to two workers: 40 traces."""
    with Receiver("grpc") as receiver:
        variables: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "WEB_CONCURRENCY": "2"}
        with Service(projects("grpc", framework), *command, OTEL_BSP_MAX_QUEUE_SIZE="lots", **variables) as service:
            send(service, posts=40, checks=10)
            service.stop()
            assert service.output.count("OTEL_BSP_MAX_QUEUE_SIZE='lots' is ignored") == 1
    assert_whole(receiver.spans, 40)


def test_flasks_own_server_delivers(projects: Projects) -> None:
    """`flask run`, ended by Ctrl-C: the first request is traced and counted as well, and no request is active after it."""
    with Receiver("grpc") as receiver:
        port = free_port()
        service = Service(
            projects("grpc", "flask"), *FLASK_RUN, str(port), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint
        )
        service.port = port
        with service:
            send(service, posts=20, checks=0)
            service.stop(signal.SIGINT)
    assert_whole(receiver.spans, 20)
    active = [point for point in receiver.metrics if point.name == "http.server.active_requests"]
    assert {point.value for point in active} == {0}


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_a_bad_port_is_one_sentence(framework: str, projects: Projects) -> None:
    """PORT=eighty is refused with what was expected and what was given, and no traceback."""
    project = projects("grpc", framework)
    sentence = "PORT must be a number from 0 to 65535, got 'eighty'; the service does not start"
    for command in ([project.name], ["gunicorn", "payment_service.app:app"]):
        done = uv(project, "run", "--no-sync", *command, PORT="eighty")
        assert "Traceback" not in done.stdout
        assert (done.returncode, done.stdout.splitlines()[-1]) == (1, sentence)
