"""Endings that are not one SIGTERM: what was answered has still arrived."""

import signal
import subprocess
import time
from http.client import HTTPException
from threading import Thread
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.service import Service, clean_environment
from ..harness.waiting import wait_until
from .test_delivery import assert_whole, send

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT],
        [signal.SIGHUP],
        [signal.SIGTERM, signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT],
        [signal.SIGINT, signal.SIGINT],
    ],
    ids=lambda signals: "+".join(each.name for each in signals),
)
def test_every_ending_delivers(signals: list[signal.Signals], projects: Projects) -> None:
    """40 requests and then this ending, with a client that keeps its connection open: 40 traces, within 6 s."""
    with Receiver("grpc") as receiver:
        with Service(projects("grpc"), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            idle = service.connect()
            idle.connect()
            send(service, posts=40, checks=0)
            for each in signals[:-1]:
                service.signal(each)
                time.sleep(0.05)
            assert service.stop(signals[-1]) < 6
            idle.close()
        assert_whole(receiver.spans, 40)


def test_a_hangup_under_load_costs_no_answer(projects: Projects) -> None:
    """SIGHUP in the middle of requests stops as SIGTERM does: what is answered is answered well, and has arrived."""
    with Receiver("grpc") as receiver:
        with Service(projects("grpc"), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            answers: list[int] = []

            def ask() -> None:
                for number in range(2000):
                    try:
                        answers.append(service.post(number))
                    except (OSError, HTTPException):  # it has stopped to listen
                        return

            clients = [Thread(target=ask) for _ in range(3)]
            for client in clients:
                client.start()
            wait_until(lambda: len(answers) >= 30, "30 answers", 20, 0.01, seen=lambda: answers)
            assert service.stop(signal.SIGHUP) < 6
            for client in clients:
                client.join(30)
        assert set(answers) == {201}
        assert len([span for span in receiver.spans if span.kind == "SERVER"]) >= len(answers)


def test_every_worker_delivers(projects: Projects) -> None:
    """With WEB_CONCURRENCY=2 two processes serve, each under an id of its own, and nothing of theirs is lost."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "WEB_CONCURRENCY": "2"}
        with Service(projects("grpc"), OTEL_BSP_MAX_QUEUE_SIZE="lots", **variables) as service:
            send(service, posts=100, checks=20)
            service.stop()
            said = "OTEL_BSP_MAX_QUEUE_SIZE='lots' is ignored: expected a whole number above 0. Using 16384."
            assert said in service.output
        assert_whole(receiver.spans, 100)
        # Each worker sends metrics, also one that no connection came to.
        assert len({point.resource["service.instance.id"] for point in receiver.metrics}) == 2


# As on Python 3.12.0 to 3.12.2, where no thread can be started once the interpreter has begun to end.
NO_THREADS = """
import atexit, logging, threading, time
from opentelemetry import metrics, trace
from payment_service import telemetry

def refuse(*_):
    raise RuntimeError("can't create new thread at interpreter shutdown")

telemetry.configure()
atexit.register(setattr, threading.Thread, "start", refuse)
atexit.register(lambda: print("ending at", time.time(), flush=True))
trace.get_tracer("t").start_span("work").end()
metrics.get_meter("t").create_counter("work").add(1)
"""


@pytest.mark.parametrize("fault", [None, Fault.black_hole(), Fault.refuse()], ids=["healthy", "black hole", "refusing"])
def test_an_end_without_threads_is_bounded_too(protocol: Any, fault: Fault | None, projects: Projects) -> None:
    """Where atexit can start no thread, all is sent to a healthy collector, and any other is left after 4 s, once told."""
    with Receiver(protocol) as receiver:
        receiver.fault = fault
        done = subprocess.run(
            [projects(protocol) / ".venv/bin/python", "-c", NO_THREADS],
            env=clean_environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        ended = time.time()
        began = float(done.stdout.partition("ending at ")[2].split()[0])
        assert ended - began < 6
        told = done.stdout.count("not everything could be sent within 4 s of shutdown")
        assert (len(receiver.spans), "work" in {point.name for point in receiver.metrics}, told) == (
            (1, True, 0) if fault is None else (0, False, 1)
        )
