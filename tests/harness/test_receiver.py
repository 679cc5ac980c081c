"""Checks the receiver against the real OpenTelemetry exporters and against bare clients."""

from __future__ import annotations

import contextlib
import gc
import gzip
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as ErrorBody
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from .certificates import Authority, Pair
from .receiver import Fault, Log, Point, Receiver, Signal, Span
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 0.5  # seconds a client waits for an answer that must not come
RESOURCE = {"service.name": "shop"}
EXPORTERS: dict[str, Any] = {
    "grpc": {"traces": GrpcSpanExporter, "metrics": GrpcMetricExporter, "logs": GrpcLogExporter},
    "http": {"traces": HttpSpanExporter, "metrics": HttpMetricExporter, "logs": HttpLogExporter},
}
STUBS: dict[Signal, Any] = {
    "traces": trace_service_pb2_grpc.TraceServiceStub,
    "metrics": metrics_service_pb2_grpc.MetricsServiceStub,
    "logs": logs_service_pb2_grpc.LogsServiceStub,
}
# What a retriable failure is called.
UNAVAILABLE: dict[str, Any] = {"grpc": grpc.StatusCode.UNAVAILABLE, "http": 503}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment from configuring the exporters, or naming other authorities and proxies."""
    for name in os.environ:
        if name.startswith("OTEL_") or name.endswith("_CA_BUNDLE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def receiver(protocol: Any) -> Iterator[Receiver]:
    with Receiver(protocol) as receiver:
        yield receiver


@pytest.fixture(params=["plaintext", "tls", "mutual"])
def secured(request: pytest.FixtureRequest, protocol: Any, authority: Authority) -> Iterator[Receiver]:
    tls = None if request.param == "plaintext" else authority
    with Receiver(protocol, tls=tls, mutual=request.param == "mutual") as receiver:
        yield receiver


@pytest.fixture
def trusted(secured: Receiver, authority: Authority) -> Authority | None:
    """Return the authority that the clients of `secured` need, if any."""
    return authority if secured.endpoint.startswith("https://localhost:") else None


def exporter(receiver: Receiver, signal: Signal, authority: Authority | None = None, **options: Any) -> Any:
    """Return the official exporter of a signal, trusting `authority` and holding a certificate of it."""
    options = {"timeout": 1, "endpoint": receiver.endpoint, **options}
    if receiver.protocol == "http":
        options["endpoint"] += f"/v1/{signal}"
        if authority:
            files = (str(authority.ca), *map(str, authority.client()))
            options |= zip(("certificate_file", "client_certificate_file", "client_key_file"), files, strict=True)
    elif authority:
        options["credentials"] = credentials_of(authority, authority.client())
    return EXPORTERS[receiver.protocol][signal](**options)


def credentials_of(authority: Authority, client: Pair | None) -> Any:
    pair = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    return grpc.ssl_channel_credentials(authority.ca.read_bytes(), *pair)


def context_of(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client:
        context.load_cert_chain(*client)
    return context


def payload(signal: Signal = "traces", items: int = 1) -> Any:
    """Return a request with so many items, named 0, 1, 2 and so on."""
    texts = [str(number) for number in range(items)]
    resource: Any
    if signal == "traces":
        resource = {"scope_spans": [{"spans": [{"name": text} for text in texts]}]}
        return trace_service_pb2.ExportTraceServiceRequest(resource_spans=[resource])
    if signal == "metrics":
        metrics = [{"name": text, "gauge": {"data_points": [{"as_int": int(text)}]}} for text in texts]
        resource = {"scope_metrics": [{"metrics": metrics}]}
        return metrics_service_pb2.ExportMetricsServiceRequest(resource_metrics=[resource])
    resource = {"scope_logs": [{"log_records": [{"body": {"string_value": text}} for text in texts]}]}
    return logs_service_pb2.ExportLogsServiceRequest(resource_logs=[resource])


class Answer(NamedTuple):
    """Holds what a bare client got: `code` is the status, or the name of what kept it from coming."""

    code: Any
    message: str
    headers: dict[str, Any]
    response: Any

    @property
    def is_success(self) -> bool:
        return self.code in (200, grpc.StatusCode.OK)


class Client:
    """Sends requests over one connection and shows the bare answers, without ever trying again."""

    def __init__(self, receiver: Receiver, authority: Authority | None = None, pair: Pair | None = None) -> None:
        # Without its own pool a channel would share its connections, and waits after failures, with others.
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = receiver.endpoint.partition("://")[2]
        self.is_grpc = receiver.protocol == "grpc"
        self.connection: Any
        if self.is_grpc and authority:
            self.connection = grpc.secure_channel(address, credentials_of(authority, pair), options)
        elif self.is_grpc:
            self.connection = grpc.insecure_channel(address, options)
        elif authority:
            self.connection = http.client.HTTPSConnection(address, context=context_of(authority, pair))
        else:
            self.connection = http.client.HTTPConnection(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, signal: Signal = "traces", items: int = 1, timeout: float = 2.0, **headers: str) -> Answer:
        request = payload(signal, items)
        if not self.is_grpc:
            return self.http(f"/v1/{signal}", request.SerializeToString(), timeout, **headers)
        export = STUBS[signal](self.connection).Export
        try:
            response, call = export.with_call(request, timeout=timeout, metadata=tuple(headers.items()))
        except grpc.RpcError as error:
            return Answer(error.code(), error.details(), dict(error.trailing_metadata() or ()), None)
        return Answer(call.code(), "", dict(call.trailing_metadata()), response)

    def http(self, path: str, body: Any, timeout: float = 2.0, method: str = "POST", **headers: Any) -> Answer:
        """Send any HTTP request; `_` in the name of a header stands for `-`."""
        headers = {"content_type": "application/x-protobuf"} | headers
        self.connection.timeout = timeout
        if self.connection.sock:
            self.connection.sock.settimeout(timeout)
        try:
            self.connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return Answer(type(error).__name__, str(error), {}, None)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status == 200:
            # The three responses are one message on the wire.
            return Answer(200, "", fields, trace_service_pb2.ExportTraceServiceResponse.FromString(content))
        return Answer(answer.status, ErrorBody.FromString(content).message, fields, None)


def send(receiver: Receiver, signal: Signal = "traces", items: int = 1, timeout: float = 2.0) -> Answer:
    """Send one request over a connection of its own."""
    with Client(receiver) as client:
        return client.send(signal, items, timeout)


def connect(receiver: Receiver, timeout: float = 2.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout)


def names(receiver: Receiver) -> list[str]:
    return [span.name for span in receiver.spans]


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


def test_grpc_shows_binary_metadata_and_no_connections() -> None:
    """Over gRPC binary metadata is shown in base64, as text; connections are None rather than a wrong number."""
    with Receiver("grpc") as receiver, Client(receiver) as client:
        STUBS["traces"](client.connection).Export(payload(), timeout=2, metadata=(("key-bin", b"\x00\x01"),))
        assert receiver.requests[0].headers["key-bin"] == "AAE="
        assert receiver.connections is None


def test_http_connection_serves_many_requests() -> None:
    """A connection is kept open between requests, after refused ones too, and each is counted once."""
    with Receiver("http") as receiver:
        with Client(receiver) as client:
            assert client.send().is_success
            receiver.fault = Fault.status(503)
            assert client.send().code == 503
            receiver.fault = None
            assert client.http("/elsewhere", b"?").code == 404
            assert client.send().is_success
        assert receiver.connections == 1
        send(receiver)
        assert receiver.connections == 2


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


WHOLE = payload().SerializeToString()


def test_chunked_http_body_is_read() -> None:
    """A body sent in chunks is read, and the connection serves on."""
    with Receiver("http") as receiver, Client(receiver) as client:
        for _ in range(2):
            assert client.http("/v1/traces", iter([WHOLE[:3], WHOLE[3:]])).is_success
        assert names(receiver) == ["0", "0"]
        assert receiver.connections == 1


@pytest.mark.parametrize(
    "cut",
    [
        b"content-length: %d\r\n\r\n%s" % (len(WHOLE) + 1, WHOLE),
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%s" % (len(WHOLE) + 1, WHOLE),
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(WHOLE), WHOLE),
    ],
    ids=["length", "chunk", "chunks"],
)
def test_http_body_cut_short_is_not_received(cut: bytes) -> None:
    """A client that dies while it sends leaves nothing behind, even when what came would parse."""
    with Receiver("http") as receiver, connect(receiver) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf\r\n" + cut)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        assert receiver.requests == []
        assert receiver.spans == []


def test_http_answers_leave_at_once() -> None:
    """An answer with a body is not held back until the client acknowledges its headers."""
    with Receiver("http") as receiver, Client(receiver) as client:
        receiver.fault = Fault.status(503, message="later")
        started = time.monotonic()
        for _ in range(40):
            assert client.send().code == 503
    assert time.monotonic() - started < 1.0


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
        assert (receiver.rejected, receiver.count("traces"), receiver.connections or 0) == (0, 0, 0)
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


def test_port_is_never_shared(receiver: Receiver) -> None:
    """A second receiver cannot take the port of one that runs."""
    second = Receiver(receiver.protocol, port=receiver.port)
    with pytest.raises((OSError, RuntimeError)):
        second.start()
    second.stop()


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


# Certificates.


@pytest.mark.parametrize("wrong", ["expired", "elsewhere"])
def test_wrong_server_certificate_is_refused_by_clients(protocol: Any, authority: Authority, wrong: str) -> None:
    """No client that checks talks to a server whose certificate expired or names another host."""
    certificate = authority.expired_server() if wrong == "expired" else authority.server("elsewhere.example")
    with Receiver(protocol, tls=authority, certificate=certificate) as receiver, Client(receiver, authority) as client:
        assert client.send().code in (grpc.StatusCode.UNAVAILABLE, "SSLCertVerificationError")
        assert receiver.requests == []


@pytest.mark.parametrize("presented", ["none", "foreign"])
def test_mutual_tls_refuses_strangers(protocol: Any, authority: Authority, tmp_path: Any, presented: str) -> None:
    """With mutual TLS a client without a certificate, or with another authority's, gets no answer."""
    pair = Authority(tmp_path).client() if presented == "foreign" else None
    with Receiver(protocol, tls=authority, mutual=True) as receiver, Client(receiver, authority, pair) as client:
        assert not client.send().is_success
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_certificate_is_valid_for_both_local_names(protocol: Any, authority: Authority, host: str) -> None:
    """The default certificate can be checked against the local host's name and against its address."""
    context = context_of(authority)
    context.set_alpn_protocols(["h2"] if protocol == "grpc" else [])
    with (
        Receiver(protocol, tls=authority) as receiver,
        context.wrap_socket(connect(receiver), server_hostname=host) as secure,
    ):
        assert secure.version() == "TLSv1.3"


def test_silent_client_stalls_nobody(protocol: Any, authority: Authority) -> None:
    """A client that connects and never starts its handshake does not keep others from being served."""
    with Receiver(protocol, tls=authority) as receiver, connect(receiver), Client(receiver, authority) as client:
        assert client.send().is_success


def test_security_needs_an_authority(protocol: Any, authority: Authority) -> None:
    """Asking for mutual TLS or a certificate without TLS is an error, not a plaintext receiver."""
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, mutual=True)
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, certificate=authority.server())


# Faults.


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


@pytest.mark.parametrize("code", [200, 302, grpc.StatusCode.OK])
def test_success_is_no_fault(code: Any) -> None:
    """A status that is no error is refused where it is asked for."""
    with pytest.raises(ValueError, match="not an error"):
        Fault.status(code)
