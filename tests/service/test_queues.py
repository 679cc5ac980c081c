"""Celery and the worker with a real Redis: what is sent is worked on, in one trace, and nothing of it is lost."""

import base64
import json
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver, Span
from ..harness.redis import MAY_SKIP, Redis
from ..harness.service import Service, uv
from ..harness.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MAY_SKIP, reason="redis-server is not installed"),
]
WORK = "process_transaction"
CHAINS = {  # the spans of a message, each the parent of the next; the key tells the kind of service
    f"run {WORK}": ["send", f"send {WORK}", f"run {WORK}", WORK],
    "process transactions": ["send transactions", "process transactions", WORK],
}


@pytest.fixture(params=["celery", "worker"])
def project(request: pytest.FixtureRequest, projects: Projects) -> Path:
    """Return the service of each kind that works from a queue, installed."""
    return projects("grpc", request.param)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver("grpc") as receiver:
        yield receiver


def send(project: Path, amount: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Send as a person does; standard error is in the output."""
    return uv(project, "run", "--no-sync", project.name, "send", amount, **variables)


def redis_command(redis: Redis, *words: str | bytes) -> bytes:
    """Send one command to Redis and return the beginning of its answer."""
    with closing(socket.create_connection(("127.0.0.1", redis.port), timeout=10)) as connection:
        encoded = [word if isinstance(word, bytes) else word.encode() for word in words]
        command = [b"*%d" % len(encoded)] + [part for word in encoded for part in (b"$%d" % len(word), word)]
        connection.sendall(b"\r\n".join([*command, b""]))
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
            wait_until(lambda: worked(receiver), "a span of the work")
            assert service.stop() < 6
            assert service.process is not None
            assert service.process.returncode == 0
            output = service.output
    assert output.count("OTEL_BSP_MAX_QUEUE_SIZE='lots' is ignored") == 1
    names = CHAINS[next(name for name in CHAINS if name in {span.name for span in receiver.spans})]
    kinds = {span.kind: span.name for span in receiver.spans if span.kind in ("PRODUCER", "CONSUMER")}
    assert kinds == {"PRODUCER": names[-3], "CONSUMER": names[-2]}
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
    assert {span.status for span in receiver.spans} == {"ERROR"}
    assert "PRODUCER" in {span.kind for span in receiver.spans}
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
                wait_until(lambda number=number: len(worked(receiver)) == number, f"span {number}")  # type: ignore[misc]
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
            wait_until(lambda: "processed transaction" in service.output, "the log line of the work")
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
            wait_until(lambda: "processed transaction" in service.output, "the log line of the work")
            service.stop()
            (line,) = [line for line in service.output.splitlines() if "processed transaction" in line]
    assert sorted(span.name for span in receiver.spans) == sorted(CHAINS[f"run {WORK}"])
    assert f"trace_id={worked(receiver)[0].trace_id}" in line


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORGED = "2026-11-27 00:00:00,000 INFO forged"


def worker_message(**fields: Any) -> str:
    """Return a message of the worker with some of its fields replaced."""
    return json.dumps({"amount_cents": 1} | fields)


# What the worker drops: it is no JSON object, holds what no header can hold, or no amount.
NO_MESSAGES: dict[str, str | bytes] = {
    "nothing": "",
    "no JSON": "no JSON",
    "a list": "[1]",
    "a string": '"x"',
    "a number": "5",
    "null": "null",
    "no UTF-8": b"\xff\xfe",
    "a NUL": b"\0",
    "nested objects": '{"a":' * 1200,
    "nested lists": "[" * 100_000,
    "a huge number": "1" * 5000,
}
WORKER_MESSAGES = NO_MESSAGES | {
    "a number as a name": "{1: 2}",
    "a name twice": '{"amount_cents": 1, "amount_cents": 2}',
    "NaN": worker_message(amount_cents=float("nan")),
    "a huge amount": worker_message(amount_cents=10**4000),
    "a long text": worker_message(amount_cents="x" * 20_000_000),
    "no amount": "{}",
    "an object as amount": worker_message(amount_cents={}),
    "lines in the amount": worker_message(amount_cents=f"\r\n{FORGED}\u2028\x85{FORGED}"),
    "a surrogate as amount": worker_message(amount_cents="\ud800"),
    "a surrogate in traceparent": worker_message(traceparent="\ud800"),
    "a surrogate in baggage": worker_message(baggage="k=\ud800"),
    "a surrogate in tracestate": worker_message(traceparent=PARENT, tracestate="k=\ud800"),
    "lines in baggage": worker_message(baggage=f"k=\r\n{FORGED}"),
    "lines in traceparent": worker_message(traceparent=f"{PARENT}\n{FORGED}"),
    "an escape sequence in baggage": worker_message(baggage="k=\x1b[2J"),
}


def celery_message(*arguments: Any, headers: Any = None, properties: Any = None, **fields: Any) -> str:
    """Return a message of Celery's with some of its parts replaced."""
    task = {"lang": "py", "task": WORK, "id": secrets.token_hex(8), "root_id": None, "parent_id": None, "group": None}
    info = {"exchange": "", "routing_key": "celery"}
    body = base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode()
    message = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": task | (headers or {}),
        "properties": {"delivery_tag": secrets.token_hex(8), "delivery_info": info, "body_encoding": "base64"}
        | (properties or {}),
    }
    return json.dumps(message | fields)


def encoded(body: str) -> str:
    """Return a body as Celery writes it."""
    return base64.b64encode(body.encode()).decode()


# What Celery cannot read. Kombu raises on the first, Celery's consumer on the others, and its pool would on the last.
CELERY_MESSAGES = NO_MESSAGES | {
    "an empty object": "{}",
    "no properties": celery_message(1).replace('"properties"', '"x"'),
    "properties in a list": celery_message(1).replace('"properties": {', '"properties": [{}], "x": {'),
    "no tag": celery_message(1, properties={"delivery_tag": None}),
    "a list as tag": celery_message(1, properties={"delivery_tag": [1]}),
    "a surrogate as tag": celery_message(1, properties={"delivery_tag": "\ud800"}),
    "no place": celery_message(1, properties={"delivery_info": {}}),
    "an unknown encoding of the body": celery_message(1, properties={"body_encoding": "rot13"}),
    "no base64": celery_message(1, body="abc"),
    "a number as body": celery_message(1, body=5),
    "an unknown type of JSON": '{"__type__": "decimal", "__value__": "x"}',
    "headers in a string": '{"headers": "x", "properties": {"delivery_tag": "x", "delivery_info": {}}}',
    "no headers": celery_message(1).replace('"headers"', '"x"'),
    "a body that is no JSON": celery_message(1, body=encoded("no JSON")),
    "a body that is empty": celery_message(1, body=encoded("[]")),
    "a body of null": celery_message(1, body=encoded("null")),
    "a body that nests": celery_message(1, body=encoded("[" * 5000)),
    "no body": celery_message(1, body=None),
    "an unknown task": celery_message(1, headers={"task": f"x\r\n{FORGED}"}),
    "a list as task": celery_message(1, headers={"task": []}),
    "no id": celery_message(1).replace('"id"', '"x"'),
    "a list as id": celery_message(1, headers={"id": [1]}),
    "an unknown content type": celery_message(1, **{"content-type": "application/x-python-serialize"}),
    "no content type": celery_message(1, **{"content-type": None}),
    "a number as encoding": celery_message(1, **{"content-encoding": 5}),
    "an unknown compression": celery_message(1, headers={"compression": "x"}),
    "no time": celery_message(1, headers={"eta": "x"}),
    "a list as time": celery_message(1, headers={"eta": []}),
    "a text as time limit": celery_message(1, headers={"timelimit": "x"}),
    "texts as time limits": celery_message(1, headers={"timelimit": ["x", "y"]}),
    "a time limit that kills at once": celery_message(1, headers={"timelimit": [0.0001, None]}),
    "a time limit below 0": celery_message(1, headers={"timelimit": [-1, -1]}),
    "a number as stamps": celery_message(1, headers={"stamped_headers": 5}),
}


def forged(output: str) -> list[str]:
    """Return the lines that a message has written in place of the service."""
    return [line for line in re.split("\r\n|[\n\r\x85\u2028]", output) if line.startswith(FORGED)]


def test_no_message_ends_the_worker(projects: Projects, receiver: Receiver) -> None:
    """Each good message among bad ones is worked on, in its trace, and one line tells of each that is dropped."""
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        with Service(projects("grpc", "worker"), ready=None, **variables) as service:
            for number, message in enumerate(WORKER_MESSAGES.values()):
                good = worker_message(amount_cents=1000 + number, traceparent=PARENT)
                redis_command(redis, "RPUSH", "transactions", message, good)
            wait_until(lambda: len(done(receiver)) == len(WORKER_MESSAGES), "a span of each message")
            assert service.process is not None
            assert service.process.poll() is None
            assert service.stop() < 6
            assert service.process.returncode == 0
            output = service.output
        assert redis_command(redis, "LLEN", "transactions") == b":0\r\n"
    assert [span.attributes["payment.amount_cents"] for span in done(receiver)] == [
        1000 + number for number in range(len(WORKER_MESSAGES))
    ]
    assert {span.trace_id for span in done(receiver)} == {PARENT.split("-")[1]}
    dropped = [line for line in output.splitlines() if "a message was dropped" in line]
    assert len(dropped) == len(WORKER_MESSAGES), "\n".join(dropped)
    assert max(map(len, dropped)) < 400
    assert "Traceback" not in output
    assert forged(output) == []


def done(receiver: Receiver) -> list[Span]:
    """Return the spans of the work of good messages."""
    return [span for span in worked(receiver) if span.status != "ERROR"]


def test_no_message_ends_celery(projects: Projects, receiver: Receiver) -> None:
    """Each good message among bad ones is worked on, by the same process, and one line tells of each that is dropped."""
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url, "WEB_CONCURRENCY": "1"}
        with Service(projects("grpc", "celery"), ready=None, **variables) as service:
            for number, message in enumerate(CELERY_MESSAGES.values()):
                good = celery_message(1000 + number, headers={"traceparent": PARENT})
                redis_command(redis, "LPUSH", "celery", message, good)
            wait_until(lambda: len(worked(receiver)) == len(CELERY_MESSAGES), "a span of each message")
            assert service.process is not None
            assert service.process.poll() is None
            assert service.stop() < 20
            assert service.process.returncode == 0
            output = service.output
        assert redis_command(redis, "LLEN", "celery") == b":0\r\n"
        assert redis_command(redis, "HLEN", "unacked") == b":0\r\n"
    amounts = [span.attributes["payment.amount_cents"] for span in worked(receiver)]
    assert sorted(amounts) == [1000 + number for number in range(len(CELERY_MESSAGES))]
    assert {span.trace_id for span in worked(receiver)} == {PARENT.split("-")[1]}
    dropped = [line for line in output.splitlines() if "a message was dropped" in line]
    assert len(dropped) == len(CELERY_MESSAGES), "\n".join(dropped)
    assert max(map(len, dropped)) < 400
    assert "Traceback" not in output
    assert "broker lost" not in output
    assert forged(output) == []


FAILING = """
from celery.worker.consumer import Consumer
from payment_service import server

def fail(*_):
    raise RuntimeError("no message can be handled")

Consumer.create_task_handler = fail
server.run()
"""


def test_a_celery_that_fails_ends_with_a_status_that_says_so(projects: Projects, receiver: Receiver) -> None:
    """A worker that an error ends exits with 1: whatever has started it sees a failure, and starts it again."""
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        with Service(projects("grpc", "celery"), "python", "-c", FAILING, ready=None, **variables) as service:
            assert service.process is not None
            assert service.process.wait(30) == 1
            assert "Unrecoverable error: RuntimeError" in service.output


@pytest.mark.parametrize("text", ["\r\n", "\n", "\r", "\x85", "\u2028", "\x1b[2K\r", "\ud800\n"], ids=ascii)
def test_an_id_forges_no_log_line(text: str, projects: Projects, receiver: Receiver) -> None:
    """A task is worked on whatever its id holds, and what the id holds is no line of the log."""
    message = celery_message(1, headers={"id": f"x{text}{FORGED}", "baggage": f"k=v{text}{FORGED}"})
    failing = celery_message(-1, headers={"id": f"y{text}{FORGED}", "shadow": f"z{text}{FORGED}"})
    with Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
        with Service(projects("grpc", "celery"), ready=None, **variables) as service:
            redis_command(redis, "LPUSH", "celery", message, failing)
            wait_until(lambda: len(worked(receiver)) == 2, "two spans of the work")
            service.stop()
            output = service.output
    assert output.count("processed transaction") == 1
    assert ascii(text)[1:-1] + FORGED in output
    assert forged(output) == []
    assert "\x1b" not in output
    assert "Logging error" not in output
