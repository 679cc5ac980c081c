"""Checks each way to fail, as bare clients and the real exporters meet it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as ErrorBody
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from .clients import (
    PATIENCE,
    STUBS,
    UNAVAILABLE,
    Client,
    connect,
    exporter,
    names,
    payload,
    send,
)
from .receiver import Fault, Receiver, Signal


def test_refusing_closes_the_port_and_what_was_open(receiver: Receiver) -> None:
    """While it refuses, connections are refused, open ones closed, the port kept; then the same port serves again."""
    port = receiver.port
    with Client(receiver) as client, connect(receiver, timeout=1) as idle:
        assert client.send().is_success
        receiver.fault = Fault.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(receiver)
        with contextlib.suppress(ConnectionResetError):
            while idle.recv(4096):  # which ends with the connection, or else raises TimeoutError
                pass
        assert not client.send().is_success
    assert not send(receiver).is_success
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    receiver.fault = None
    assert receiver.port == port
    assert send(receiver).is_success
    assert names(receiver) == ["0", "0"]


def test_black_hole_accepts_and_never_answers(receiver: Receiver) -> None:
    """In a black hole connections, new or open before, get no answer; a client learns nothing until its own timeout."""
    with Client(receiver) as client:
        assert client.send().is_success
        receiver.fault = Fault.black_hole()
        with connect(receiver, timeout=PATIENCE) as connection:
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        assert not client.send(timeout=PATIENCE).is_success
    started = time.monotonic()
    assert send(receiver, timeout=PATIENCE).code in (grpc.StatusCode.DEADLINE_EXCEEDED, "TimeoutError")
    assert time.monotonic() - started >= PATIENCE - 0.01
    receiver.fault = None
    assert send(receiver).is_success
    assert len(receiver.requests) == 2


def test_delay_answers_late_and_then_receives(receiver: Receiver) -> None:
    """A delayed answer is a success, and until it is given nothing counts as received."""
    receiver.fault = Fault.delay(0.4)
    seen: list[tuple[int, int]] = []

    def watch() -> None:
        receiver.wait_for(lambda each: bool(each.requests))
        seen.append((len(receiver.requests), len(receiver.spans)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    assert send(receiver).is_success
    assert 0.4 <= time.monotonic() - started < 1.5
    watcher.join(2)
    assert seen == [(1, 0)]
    assert names(receiver) == ["0"]


def test_data_of_a_client_that_gave_up_is_not_received(receiver: Receiver) -> None:
    """A request whose client hangs up before its delayed answer is not received."""
    receiver.fault = Fault.delay(0.6)
    assert not send(receiver, timeout=0.2).is_success
    assert len(receiver.requests) == 1
    assert not receiver.wait_for(lambda each: bool(each.count("traces") or each.rejected), timeout=0.8)


def test_clients_that_gave_up_block_nobody() -> None:
    """Over gRPC, abandoned requests with long delays leave threads to answer the next ones."""
    with Receiver("grpc") as receiver, Client(receiver) as client:
        receiver.fault = Fault.delay(30.0)
        calls = [STUBS["traces"](client.connection).Export.future(payload(), timeout=0.3) for _ in range(12)]
        for call in calls:
            assert call.exception(timeout=2) is not None
        receiver.fault = None
        assert client.send(timeout=1.0).is_success


@pytest.mark.parametrize("retry_after", [None, 2, 0.25])
def test_status_reaches_the_client(receiver: Receiver, retry_after: float | None) -> None:
    """An error is answered with its code, its message and when to try again; nothing is received."""
    code: Any = grpc.StatusCode.RESOURCE_EXHAUSTED if receiver.protocol == "grpc" else 429
    receiver.fault = Fault.status(code, message="too much", retry_after=retry_after)
    answer = send(receiver, items=3)
    assert (answer.code, answer.message) == (code, "too much")
    told = answer.headers.get("retry-after")
    if body := answer.headers.get("grpc-status-details-bin"):
        info = RetryInfo()
        assert ErrorBody.FromString(body).details[0].Unpack(info)
        told = info.retry_delay.ToNanoseconds() / 1e9
    assert (told and float(told)) == retry_after
    assert (receiver.spans, receiver.count("traces"), receiver.rejected) == ([], 0, 3)
    assert receiver.requests[0].items == 3


def test_status_makes_the_real_exporter_try_again(receiver: Receiver) -> None:
    """The official exporter obeys the delay it is told and succeeds once the fault is gone."""
    receiver.fault = Fault.status(UNAVAILABLE[receiver.protocol], retry_after=0.2)
    spans: list[Any] = [TracerProvider().get_tracer("till").start_span("order")]
    results: list[SpanExportResult] = []
    export = exporter(receiver, "traces", timeout=5)
    worker = threading.Thread(target=lambda: results.append(export.export(spans)))
    worker.start()
    assert receiver.wait_for(lambda each: each.rejected == 1)
    receiver.fault = None
    worker.join(3)
    assert results == [SpanExportResult.SUCCESS]
    first, second = receiver.requests
    assert 0.2 <= second.received_at - first.received_at < 0.7
    assert names(receiver) == ["order"]


def test_redirect_is_seen_where_it_leads() -> None:
    """A redirect receives nothing; who follows it, though by a GET as most do, shows among the other's requests."""
    with Receiver("http") as first, Receiver("http") as second:
        first.fault = Fault.redirect(f"{second.endpoint}/v1/traces")
        answer = send(first, items=2)
        assert (answer.code, answer.headers["location"]) == (302, f"{second.endpoint}/v1/traces")
        assert (first.spans, first.rejected) == ([], 2)
        request = urllib.request.Request(f"{first.endpoint}/v1/traces", b"", {"content-type": "application/x-protobuf"})
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(request, timeout=2)
        assert [(each.method, each.path) for each in second.requests] == [("GET", "/v1/traces")]
        assert second.spans == []


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_partial_success_reaches_the_client(receiver: Receiver, signal: Signal) -> None:
    """A partial success says how many items were rejected and why, and only the others are received.

    A healthy answer leaves it unset, as the protocol asks for.
    """
    receiver.fault = Fault.partial_success(2, "two too old")
    answer = send(receiver, signal, items=5)
    assert answer.is_success
    fields = {field.name: value for field, value in answer.response.partial_success.ListFields()}
    assert fields.pop("error_message") == "two too old"
    assert list(fields.values()) == [2]
    read = getattr(receiver, "spans" if signal == "traces" else signal)
    assert len(read) == receiver.count(signal) == 3
    assert receiver.rejected == 2
    receiver.fault = None
    assert not send(receiver, signal).response.HasField("partial_success")


def test_fault_can_concern_one_signal(receiver: Receiver) -> None:
    """A fault of one signal leaves the others healthy."""
    code = UNAVAILABLE[receiver.protocol]
    receiver.fault = Fault.status(code, signal="traces")
    assert send(receiver, "traces").code == code
    assert send(receiver, "metrics").is_success
    assert send(receiver, "logs").is_success
    assert (len(receiver.spans), len(receiver.metrics), len(receiver.logs)) == (0, 1, 1)


@pytest.mark.parametrize("fault", [Fault.refuse(), Fault.black_hole()])
def test_fault_of_the_port_outlives_a_restart(receiver: Receiver, fault: Fault) -> None:
    """A fault set while stopped takes effect at the start, on the port there was."""
    port = receiver.port
    receiver.stop()
    receiver.fault = fault
    receiver.start()
    assert receiver.port == port
    assert not send(receiver, timeout=PATIENCE).is_success
    receiver.fault = None
    assert send(receiver).is_success


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [("grpc", Fault.redirect("/")), ("grpc", Fault.status(503)), ("http", Fault.status(grpc.StatusCode.ABORTED))],
)
def test_impossible_fault_is_refused(protocol: Any, fault: Fault) -> None:
    """A fault that the protocol cannot express is an error where it is asked for."""
    with pytest.raises(ValueError, match="impossible"):
        Receiver(protocol).fault = fault
