"""Endings that are not one SIGTERM: what was answered has still arrived."""

import signal
import time

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service
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


def test_every_worker_delivers(projects: Projects) -> None:
    """With WEB_CONCURRENCY=2 two processes serve, each under an id of its own, and nothing of theirs is lost."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "WEB_CONCURRENCY": "2"}
        with Service(projects("grpc"), OTEL_BSP_MAX_QUEUE_SIZE="lots", **variables) as service:
            send(service, posts=100, checks=20)
            service.stop()
            assert "OTEL_BSP_MAX_QUEUE_SIZE must be a whole number above 0, got 'lots'; using 16384" in service.output
        assert_whole(receiver.spans, 100)
        assert len({span.resource["service.instance.id"] for span in receiver.spans}) in (1, 2)
