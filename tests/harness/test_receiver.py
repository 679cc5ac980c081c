"""Checks that the receiver reads what real exporters and bare clients send, and that it starts and stops."""

from __future__ import annotations

import gc
import gzip
import os
import socket
import threading
import time
from typing import Any

import grpc
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from .certificates import Authority
from .clients import (
    PATIENCE,
    RESOURCE,
    STUBS,
    UNAVAILABLE,
    Answer,
    Client,
    connect,
    exporter,
    names,
    payload,
    send,
)
from .receiver import Fault, Log, Point, Receiver, Span
from .waiting import wait_until

# What was exported is what is read.


def test_span_is_read_as_exported(secured: Receiver, trusted: Authority | None) -> None:
    """Every part of an exported span is read back, whatever the protocol and its security."""
    provider = TracerProvider(resource=Resource(RESOURCE))
    provider.add_span_processor(SimpleSpanProcessor(exporter(secured, "traces", trusted)))
    tracer = provider.get_tracer("till")
    link = SpanContext(trace_id=0xA1, span_id=0xB2, is_remote=True)
    with tracer.start_as_current_span("order", kind=SpanKind.SERVER, start_time=1_000) as parent:
        child = tracer.start_span("pay", links=[Link(link)], start_time=2_000_000_000)
        child.set_attributes({"paid": True, "price": 1.5, "items": 3, "tags": ["a", "b"], "by": "card"})
        child.add_event("retried", {"attempt": 2})
        child.set_status(Status(StatusCode.ERROR, "declined"))
        child.end(4_500_000_000)
    pay, order = secured.spans
    assert pay == Span(
        name="pay",
        trace_id=f"{parent.get_span_context().trace_id:032x}",
        span_id=f"{child.get_span_context().span_id:016x}",
        parent_id=f"{parent.get_span_context().span_id:016x}",
        kind="INTERNAL",
        start=2_000_000_000,
        end=4_500_000_000,
        attributes={"paid": True, "price": 1.5, "items": 3, "tags": ["a", "b"], "by": "card"},
        status="ERROR",
        status_message="declined",
        events=[("retried", {"attempt": 2})],
        links=[(f"{0xA1:032x}", f"{0xB2:016x}")],
        resource=RESOURCE,
        scope="till",
    )
    assert pay.duration == 2.5
    assert (order.name, order.kind, order.parent_id, order.status) == ("order", "SERVER", "", "UNSET")


def test_metrics_are_read_as_exported(secured: Receiver, trusted: Authority | None) -> None:
    """Sums, gauges and histograms are read back with their values, whatever the protocol and its security."""
    reader = PeriodicExportingMetricReader(exporter(secured, "metrics", trusted), export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=Resource(RESOURCE))
    meter = provider.get_meter("till")
    before = time.time_ns()
    meter.create_counter("sold", "{item}").add(3, {"kind": "book"})
    meter.create_up_down_counter("stock").add(-2)
    meter.create_gauge("heat", "Cel").set(20.5)
    meter.create_histogram("wait", "s").record(0.25)
    provider.shutdown()
    points = {point.name: point for point in secured.metrics}
    sold, stock, heat, wait = (points[name] for name in ("sold", "stock", "heat", "wait"))
    assert before <= sold.start <= sold.time <= time.time_ns()
    assert sold == Point(
        name="sold",
        unit="{item}",
        kind="sum",
        value=3,
        count=0,
        monotonic=True,
        temporality="CUMULATIVE",
        attributes={"kind": "book"},
        resource=RESOURCE,
        scope="till",
        start=sold.start,
        time=sold.time,
    )
    assert (stock.value, stock.monotonic) == (-2, False)
    assert (heat.kind, heat.value, heat.temporality) == ("gauge", 20.5, "UNSPECIFIED")
    assert (wait.kind, wait.value, wait.count, wait.temporality) == ("histogram", 0.25, 1, "CUMULATIVE")
    assert len(points) == secured.count("metrics") == secured.requests[0].items


def test_log_is_read_as_exported(secured: Receiver, trusted: Authority | None) -> None:
    """A log record is read back with the span it was written in, whatever the protocol and its security."""
    provider = LoggerProvider(resource=Resource(RESOURCE), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter(secured, "logs", trusted)))
    with TracerProvider().get_tracer("till").start_as_current_span("order") as span:
        provider.get_logger("till").emit(
            body={"order": [1, b"\x00", None]},
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            event_name="order.late",
            attributes={"minutes": 5},
        )
    [log] = secured.logs
    assert log == Log(
        body={"order": [1, b"\x00", None]},
        severity=13,
        severity_text="WARN",
        event_name="order.late",
        trace_id=f"{span.get_span_context().trace_id:032x}",
        span_id=f"{span.get_span_context().span_id:016x}",
        attributes={"minutes": 5},
        resource=RESOURCE,
        scope="till",
    )


def test_spans_are_read_in_order_of_arrival(receiver: Receiver) -> None:
    """Reading between arrivals neither loses, repeats nor reorders spans."""
    with Client(receiver) as client:
        client.send(items=2)
        assert names(receiver) == ["0", "1"]
        client.send(items=3)
        client.send(items=1)
    assert names(receiver) == names(receiver) == ["0", "1", "0", "1", "2", "0"]
    assert receiver.count("traces") == 6


def test_requests_show_headers_and_batches(receiver: Receiver) -> None:
    """Each request shows its signal, its headers in lower case, its number of items and when it arrived."""
    before = time.monotonic()
    with Client(receiver) as client:
        client.send("traces", 3, tenant="a")
        client.send("metrics", 2)
        client.send("logs", 1)
    shown = receiver.requests
    assert [(each.signal, each.items) for each in shown] == [("traces", 3), ("metrics", 2), ("logs", 1)]
    assert shown[0].headers["tenant"] == "a"
    assert all(name == name.lower() for each in shown for name in each.headers)
    assert before <= shown[0].received_at <= shown[1].received_at <= time.monotonic()
    paths = {"grpc": "/opentelemetry.proto.collector.trace.v1.TraceService/Export", "http": "/v1/traces"}
    assert shown[0].path == paths[receiver.protocol]


@pytest.mark.parametrize(
    ("protocol", "compression", "encoding"),
    [
        ("grpc", grpc.Compression.Gzip, ""),  # gRPC decompresses out of sight
        ("http", Compression.NoCompression, ""),
        ("http", Compression.Gzip, "gzip"),
        ("http", Compression.Deflate, "deflate"),
    ],
)
def test_compressed_request_is_read(receiver: Receiver, compression: Any, encoding: str) -> None:
    """A request is read whether it comes plain or compressed, and over HTTP shows how."""
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter(receiver, "traces", compression=compression)))
    tracing.get_tracer("till").start_span("order").end()
    assert names(receiver) == ["order"]
    assert receiver.requests[0].encoding == encoding


@pytest.mark.parametrize(
    ("path", "body", "method", "headers", "code"),
    [
        ("/v1/spans", payload().SerializeToString(), "POST", {}, 404),
        ("/v1/traces", b"", "GET", {}, 405),
        ("/v1/traces", b"{}", "POST", {"content_type": "application/json"}, 415),
        ("/v1/traces", b"", "POST", {"content_encoding": "br"}, 415),
        ("/v1/traces", b"\xff", "POST", {}, 400),
        ("/v1/traces", b"plain", "POST", {"content_encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"cut")[:-4], "POST", {"content_encoding": "gzip"}, 400),
        ("/v1/traces", b"plain", "POST", {"content_encoding": "deflate"}, 400),
    ],
    ids=["path", "method", "type", "encoding", "no protobuf", "no gzip", "cut gzip", "no deflate"],
)
def test_wrong_http_request_is_refused_and_shown(
    path: str, body: Any, method: str, headers: dict[str, Any], code: int
) -> None:
    """A request no collector would take is answered by the status that says why, and can be looked at."""
    with Receiver("http") as receiver, Client(receiver) as client:
        assert client.http(path, body, method=method, **headers).code == code
        assert receiver.spans == []
        [shown] = receiver.requests
    assert (shown.method, shown.path, shown.items) == (method, path, 0)


def test_http_body_cut_short_is_not_received() -> None:
    """A client that dies while it sends leaves nothing behind, even when what came would parse."""
    whole = payload().SerializeToString()
    head = b"POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf\r\ncontent-length: %d\r\n\r\n"
    with Receiver("http") as receiver, connect(receiver) as client:
        client.sendall(head % (len(whole) + 1) + whole)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        assert receiver.requests == []
        assert receiver.spans == []


def test_receiver_takes_thousands_of_spans_a_second(receiver: Receiver) -> None:
    """It takes 10000 spans within 2 seconds, in the process that sends them."""
    started = time.monotonic()
    with Client(receiver) as client:
        for _ in range(20):
            assert client.send(items=500).is_success
    assert receiver.count("traces") == 10_000
    assert time.monotonic() - started < 2.0


# Reading, waiting, forgetting.


def test_waiting_ends_with_the_arrival(receiver: Receiver) -> None:
    """Waiting ends as soon as what is waited for arrives, having looked a few times for each arrival at most."""
    looks: list[float] = []

    def enough(each: Receiver) -> bool:
        looks.append(time.monotonic())
        return len(each.spans) >= 3

    timer = threading.Timer(0.2, lambda: [send(receiver) for _ in range(3)])
    timer.start()
    started = time.monotonic()
    assert receiver.wait_for(enough, timeout=5.0)
    assert 0.2 <= time.monotonic() - started < 1.5
    timer.join(2)
    # Each request is announced as such and as spans, over HTTP as a connection before, over gRPC by its end after.
    assert len(looks) <= 1 + 3 * 3


def test_waiting_gives_up(receiver: Receiver) -> None:
    """Waiting for what does not arrive ends after its timeout and says so."""
    started = time.monotonic()
    assert not receiver.wait_for(lambda each: bool(each.spans), timeout=0.2)
    assert 0.2 <= time.monotonic() - started < 1.0


def test_clearing_forgets_everything_received(receiver: Receiver) -> None:
    """After clearing nothing is left of what arrived, and what arrives next is read."""
    with Client(receiver) as client:
        for signal in STUBS:
            client.send(signal)
        receiver.fault = Fault.status(UNAVAILABLE[receiver.protocol])
        client.send()
        assert receiver.rejected == 1
        assert len(receiver.spans) == len(receiver.metrics) == len(receiver.logs) == 1
        receiver.clear()
        assert [receiver.spans, receiver.metrics, receiver.logs, receiver.requests] == [[], [], [], []]
        assert (receiver.rejected, receiver.count("traces")) == (0, 0)
        receiver.fault = None
        client.send(items=2)
    assert names(receiver) == ["0", "1"]


# Starting and stopping.


def test_restart_keeps_the_port(secured: Receiver, trusted: Authority | None) -> None:
    """Stopped and started again, were it twice, it listens where it did, and keeps what it received."""
    endpoint = secured.endpoint
    for sent in range(3):
        with Client(secured, trusted, trusted.client() if trusted else None) as client:
            assert client.send().is_success
            secured.stop()
            secured.stop()
            assert secured.count("traces") == sent + 1
            assert not client.send(timeout=PATIENCE).is_success
            secured.start()
            secured.start()
    assert secured.endpoint == endpoint
    assert names(secured) == ["0", "0", "0"]


def test_stopping_leaves_nothing_behind(secured: Receiver, trusted: Authority | None) -> None:
    """Stopping takes under a second with clients connected, ends its threads and closes its sockets."""

    def use() -> float:
        secured.start()
        with Client(secured, trusted, trusted.client() if trusted else None) as client, connect(secured):
            assert client.send().is_success
            started = time.monotonic()
            secured.stop()
            assert not [each for each in threading.enumerate() if each.name.startswith("otlp-receiver")]
            return time.monotonic() - started

    def open_files() -> int:
        return len(os.listdir("/dev/fd"))

    use()  # gRPC opens, once in a process, what it keeps for ever
    threads, files = set(threading.enumerate()), open_files()
    assert max(use() for _ in range(5)) < 1.0
    gc.collect()  # a socket left open warns when it is collected
    for thread in set(threading.enumerate()) - threads:
        thread.join(1.0)
        assert not thread.is_alive(), thread
    # gRPC closes its end of a connection a moment after it said that it stopped.
    wait_until(lambda: open_files() <= files, f"at most {files} open files", 1.0, 0.01, seen=open_files)
    with pytest.raises(ConnectionRefusedError):
        connect(secured)


def test_stopping_does_not_wait_for_a_delayed_answer(receiver: Receiver) -> None:
    """A request whose answer is being delayed is dropped, and not received, when the receiver stops."""
    receiver.fault = Fault.delay(30.0)
    answers: list[Answer] = []
    client = threading.Thread(target=lambda: answers.append(send(receiver, timeout=5.0)))
    client.start()
    assert receiver.wait_for(lambda each: bool(each.requests))
    started = time.monotonic()
    receiver.stop()
    assert time.monotonic() - started < 1.0
    client.join(2)
    assert not answers[0].is_success
    assert receiver.spans == []
