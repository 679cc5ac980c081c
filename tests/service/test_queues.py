"""Celery and the worker with a real Redis: what is sent is worked on, in one trace, and nothing of it is lost."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver, Span
from ..harness.redis import MAY_SKIP, Redis
from ..harness.service import Service, uv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MAY_SKIP, reason="redis-server is not installed"),
]
WORK = "process_transaction"


@pytest.fixture(params=["celery", "worker"])
def project(request: pytest.FixtureRequest, projects: Projects) -> Path:
    """Return the service of each kind that works from a queue, installed."""
    return projects("grpc", request.param)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver("grpc") as receiver:
        yield receiver


def wait(until: Callable[[], object]) -> None:
    """Wait, 30 s at most, until this is true."""
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def send(project: Path, amount: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Send as a person does; standard error is in the output."""
    return uv(project, "run", "--no-sync", project.name, "send", amount, **variables)


def redis_command(redis: Redis, *words: str) -> bytes:
    """Send one command to Redis and return the beginning of its answer."""
    with closing(socket.create_connection(("127.0.0.1", redis.port), timeout=10)) as connection:
        command = [f"*{len(words)}"] + [part for word in words for part in (f"${len(word.encode())}", word)]
        connection.sendall("\r\n".join([*command, ""]).encode())
        return connection.recv(4096)


def worked(receiver: Receiver) -> list[Span]:
    """Return the spans of the work that have arrived."""
    return [span for span in receiver.spans if span.name == WORK]


def test_a_message_is_one_trace_across_the_queue(project: Path, receiver: Receiver) -> None:
    """From `send` to the work each span is the child of the one before, in two processes, and a bad setting is told once."""
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        sent = send(project, "4999", **variables)
        assert sent.returncode == 0, sent.stdout
        with Service(project, ready=None, OTEL_BSP_MAX_QUEUE_SIZE="lots", **variables) as service:
            wait(lambda: worked(receiver))
            assert service.stop() < 6
            assert service.process is not None
            assert service.process.returncode == 0
            output = service.output
    assert output.count("OTEL_BSP_MAX_QUEUE_SIZE must be") == 1
    names = (
        ["send", "run process_transaction", WORK] if "CONSUMER" in {s.kind for s in receiver.spans} else ["send", WORK]
    )
    spans = {span.name: span for span in receiver.spans}
    assert sorted(span.name for span in receiver.spans) == sorted(names)
    assert [spans[name].parent_id for name in names] == ["", *(spans[name].span_id for name in names[:-1])]
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert len({span.resource["service.instance.id"] for span in receiver.spans}) == 2
    assert f"trace_id={spans[WORK].trace_id} span_id={spans[WORK].span_id}" in output


def test_what_cannot_be_sent_is_told_in_a_sentence(project: Path, receiver: Receiver) -> None:
    """Without Redis `send` exits with 1 and a sentence, no secret in it, and its span, an error, has arrived."""
    with Redis() as redis:
        port = redis.port
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    done = send(project, "4999", REDIS_URL=f"redis://me:s3cret@127.0.0.1:{port}/0", **variables)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith(
        f"nothing was sent; REDIS_URL is redis://REDACTED@127.0.0.1:{port}/0: "
    )
    assert [(span.name, span.status) for span in receiver.spans] == [("send", "ERROR")]
    assert "s3cret" not in repr(receiver.spans)


def test_no_amount_is_refused(project: Path) -> None:
    """`send abc` says what is wrong, and exits with 2."""
    done = send(project, "abc")
    assert (done.returncode, done.stdout.splitlines()[-1].partition("error: ")[2]) == (
        2,
        "argument amount_cents: invalid int value: 'abc'",
    )


def test_redis_may_come_late_and_go(project: Path, receiver: Receiver) -> None:
    """A service that is started before Redis waits for it, and goes on after it was away."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    redis = Redis()
    with Service(project, ready=None, REDIS_URL=redis.url, **variables) as service:
        time.sleep(2)
        for number in (1, 2):
            with redis:
                assert send(project, "1", REDIS_URL=redis.url, **variables).returncode == 0
                wait(lambda number=number: len(worked(receiver)) == number)  # type: ignore[misc]
        assert service.stop() < 20  # Celery looks for its Redis meanwhile
    assert len({span.trace_id for span in worked(receiver)}) == 2


@pytest.mark.parametrize("signals", [1, 2])
def test_a_worker_loses_no_message_when_it_stops(signals: int, projects: Projects, receiver: Receiver) -> None:
    """Stopped in the middle of 3,000 messages, by one signal or two, each is done, with its span, or still there."""
    with Redis() as redis:
        message = json.dumps({"amount_cents": 1})
        for _ in range(3):
            redis_command(redis, "RPUSH", "transactions", *[message] * 1000)
        variables: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        with Service(projects("grpc", "worker"), ready=None, **variables) as service:
            wait(lambda: "processed transaction" in service.output)
            for _ in range(signals - 1):
                service.signal(signal.SIGTERM)
            assert service.stop() < 6
        left = int(redis_command(redis, "LLEN", "transactions")[1:].split()[0])
    assert 0 < left < 3000
    assert len(worked(receiver)) == 3000 - left


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_celerys_own_command_works(pool: str, projects: Projects, receiver: Receiver) -> None:
    """`celery -A payment_service.tasks worker` does what the console script does, with other pools, too."""
    project = projects("grpc", "celery")
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        assert send(project, "1", **variables).returncode == 0
        command = ("celery", "-A", "payment_service.tasks", "worker", "--pool", pool)
        with Service(project, *command, ready=None, **variables) as service:
            wait(lambda: "processed transaction" in service.output)
            service.stop()
            (line,) = [line for line in service.output.splitlines() if "processed transaction" in line]
    assert sorted(span.name for span in receiver.spans) == [WORK, f"run {WORK}", "send"]
    assert f"trace_id={worked(receiver)[0].trace_id}" in line
