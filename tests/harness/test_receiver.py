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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

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

from tests.harness.certificates import Authority, Pair
from tests.harness.receiver import Fault, Log, Point, Receiver, Signal, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 0.5  # seconds a client waits for an answer that must not come
RESOURCE = {"service.name": "shop"}
GRPC_EXPORTERS: dict[Signal, Any] = {
    "traces": GrpcSpanExporter,
    "metrics": GrpcMetricExporter,
    "logs": GrpcLogExporter,
}
HTTP_EXPORTERS: dict[Signal, Any] = {
    "traces": HttpSpanExporter,
    "metrics": HttpMetricExporter,
    "logs": HttpLogExporter,
}
STUBS: dict[Signal, Any] = {
    "traces": trace_service_pb2_grpc.TraceServiceStub,
    "metrics": metrics_service_pb2_grpc.MetricsServiceStub,
    "logs": logs_service_pb2_grpc.LogsServiceStub,
}
RESPONSES: dict[Signal, Any] = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment from configuring the exporters, or naming other authorities and proxies."""
    for name in os.environ:
        if name.startswith("OTEL_") or name.endswith("_CA_BUNDLE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def receiver(protocol: Any) -> Iterator[Receiver]:
    with Receiver(protocol) as receiver:
        yield receiver


@pytest.fixture(params=["plaintext", "tls", "mutual"])
def secured(request: pytest.FixtureRequest, protocol: Any, authority: Authority) -> Iterator[Receiver]:
    tls = None if request.param == "plaintext" else authority
    with Receiver(protocol, tls=tls, mutual=request.param == "mutual") as receiver:
        yield receiver


def exporter(receiver: Receiver, signal: Signal, authority: Authority | None = None, **options: Any) -> Any:
    """Return the official exporter of a signal, trusting `authority` and holding a certificate of it."""
    client = authority.client() if authority else None
    options = {"timeout": 1, **options}
    if receiver.protocol == "http":
        return HTTP_EXPORTERS[signal](
            endpoint=f"{receiver.endpoint}/v1/{signal}",
            certificate_file=str(authority.ca) if authority else None,
            client_certificate_file=str(client.certificate) if client else None,
            client_key_file=str(client.key) if client else None,
            **options,
        )
    credentials = credentials_of(authority, client) if authority else None
    return GRPC_EXPORTERS[signal](endpoint=receiver.endpoint, credentials=credentials, **options)


def credentials_of(authority: Authority, client: Pair | None) -> Any:
    return grpc.ssl_channel_credentials(
        authority.ca.read_bytes(),
        client.key.read_bytes() if client else None,
        client.certificate.read_bytes() if client else None,
    )


def context_of(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client:
        context.load_cert_chain(*client)
    return context


@dataclass
class Answer:
    """Holds what a bare client got: `code` is the status, or the name of what kept it from coming."""

    code: Any
    message: str
    headers: dict[str, Any]
    response: Any


def payload(signal: Signal = "traces", items: int = 1) -> Any:
    """Return a request with so many items, named 0, 1, 2 and so on."""
    if signal == "traces":
        traces = trace_service_pb2.ExportTraceServiceRequest()
        scope: Any = traces.resource_spans.add().scope_spans.add()
        for number in range(items):
            scope.spans.add(name=str(number))
        return traces
    if signal == "metrics":
        metrics = metrics_service_pb2.ExportMetricsServiceRequest()
        scope = metrics.resource_metrics.add().scope_metrics.add()
        for number in range(items):
            scope.metrics.add(name=str(number)).gauge.data_points.add(as_int=number)
        return metrics
    logs = logs_service_pb2.ExportLogsServiceRequest()
    scope = logs.resource_logs.add().scope_logs.add()
    for number in range(items):
        scope.log_records.add().body.string_value = str(number)
    return logs


class Client:
    """Sends requests over one connection and shows the bare answers, without ever trying again."""

    def __init__(self, receiver: Receiver, authority: Authority | None = None, pair: Pair | None = None) -> None:
        self.receiver = receiver
        # Without its own pool a channel would share its connections, and waits after failures, with others.
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = f"localhost:{receiver.port}" if authority else f"127.0.0.1:{receiver.port}"
        self.channel: Any = None
        self.connection: http.client.HTTPConnection
        if receiver.protocol == "http" and authority:
            self.connection = http.client.HTTPSConnection(address, context=context_of(authority, pair))
        elif receiver.protocol == "http":
            self.connection = http.client.HTTPConnection(address)
        elif authority:
            self.channel = grpc.secure_channel(address, credentials_of(authority, pair), options)
        else:
            self.channel = grpc.insecure_channel(address, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.channel:
            self.channel.close()
        else:
            self.connection.close()

    def send(self, signal: Signal = "traces", items: int = 1, timeout: float = 2.0, **headers: str) -> Answer:
        request = payload(signal, items)
        if not self.channel:
            return self.post(
                f"/v1/{signal}", request.SerializeToString(), timeout=timeout, signal=signal, headers=headers
            )
        try:
            response, call = STUBS[signal](self.channel).Export.with_call(
                request, timeout=timeout, metadata=tuple(headers.items())
            )
        except grpc.RpcError as error:
            return Answer(error.code(), error.details(), dict(error.trailing_metadata() or ()), None)
        return Answer(call.code(), "", dict(call.trailing_metadata()), response)

    def post(
        self,
        path: str,
        body: Any,
        *,
        timeout: float = 2.0,
        method: str = "POST",
        signal: Signal = "traces",
        headers: dict[str, str],
    ) -> Answer:
        headers = {"content-type": "application/x-protobuf"} | headers
        self.connection.timeout = timeout
        if self.connection.sock:
            self.connection.sock.settimeout(timeout)
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return Answer(type(error).__name__, str(error), {}, None)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status == 200:
            return Answer(200, "", fields, RESPONSES[signal].FromString(content))
        return Answer(answer.status, ErrorBody.FromString(content).message, fields, None)


def send(receiver: Receiver, signal: Signal = "traces", items: int = 1, timeout: float = 2.0) -> Answer:
    """Send one request over a connection of its own."""
    with Client(receiver) as client:
        return client.send(signal, items, timeout)


def succeeded(answer: Answer) -> bool:
    return answer.code in (200, grpc.StatusCode.OK)


def names(receiver: Receiver) -> list[str]:
    return [span.name for span in receiver.spans]


# What was exported is what is read.


def test_span_is_read_as_exported(secured: Receiver, authority: Authority) -> None:
    """Every part of an exported span is read back, whatever the protocol and its security."""
    provider = TracerProvider(resource=Resource(RESOURCE))
    provider.add_span_processor(SimpleSpanProcessor(exporter(secured, "traces", tls_of(secured, authority))))
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


def tls_of(receiver: Receiver, authority: Authority) -> Authority | None:
    return authority if receiver.endpoint.startswith("https://localhost:") else None


def test_metrics_are_read_as_exported(secured: Receiver, authority: Authority) -> None:
    """Sums, gauges and histograms are read back with their values, whatever the protocol and its security."""
    reader = PeriodicExportingMetricReader(
        exporter(secured, "metrics", tls_of(secured, authority)), export_interval_millis=60_000
    )
    provider = MeterProvider([reader], resource=Resource(RESOURCE))
    meter = provider.get_meter("till")
    before = time.time_ns()
    meter.create_counter("sold", "{item}").add(3, {"kind": "book"})
    meter.create_up_down_counter("stock").add(-2)
    meter.create_gauge("heat", "Cel").set(20.5)
    meter.create_histogram("wait", "s").record(0.25)
    provider.shutdown()
    points = {point.name: point for point in secured.metrics}
    sold = points["sold"]
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
    assert (points["stock"].value, points["stock"].monotonic) == (-2, False)
    assert (points["heat"].kind, points["heat"].value) == ("gauge", 20.5)
    assert points["heat"].temporality == "UNSPECIFIED"
    wait = points["wait"]
    assert (wait.kind, wait.value, wait.count, wait.temporality) == ("histogram", 0.25, 1, "CUMULATIVE")
    assert len(points) == secured.count("metrics") == secured.requests[0].items


def test_log_is_read_as_exported(secured: Receiver, authority: Authority) -> None:
    """A log record is read back with the span it was written in, whatever the protocol and its security."""
    provider = LoggerProvider(resource=Resource(RESOURCE), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter(secured, "logs", tls_of(secured, authority))))
    with TracerProvider().get_tracer("till").start_as_current_span("order") as span:
        provider.get_logger("till").emit(
            body={"order": [1, b"\x00", None]},
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            event_name="order.late",
            attributes={"minutes": 5},
        )
    assert secured.logs == [
        Log(
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
    ]


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
    assert (
        shown[0].path
        == {
            "grpc": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            "http": "/v1/traces",
        }[receiver.protocol]
    )


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_compressed_http_body_is_read(compression: Compression) -> None:
    """A body is read whether it comes plain, gzipped or deflated, and the request shows which."""
    with Receiver("http") as receiver:
        tracing = TracerProvider()
        tracing.add_span_processor(SimpleSpanProcessor(exporter(receiver, "traces", compression=compression)))
        tracing.get_tracer("till").start_span("order").end()
        assert names(receiver) == ["order"]
        encoding = receiver.requests[0].encoding
    assert encoding == ("" if compression is Compression.NoCompression else compression.value)


def test_compressed_grpc_message_is_read() -> None:
    """A message gzipped by the exporter is read."""
    with Receiver("grpc") as receiver:
        tracing = TracerProvider()
        tracing.add_span_processor(SimpleSpanProcessor(exporter(receiver, "traces", compression=grpc.Compression.Gzip)))
        tracing.get_tracer("till").start_span("order").end()
        assert names(receiver) == ["order"]


def test_binary_grpc_metadata_is_shown_as_it_travels() -> None:
    """Binary metadata is shown in base64, as text."""
    with Receiver("grpc") as receiver, grpc.insecure_channel(f"127.0.0.1:{receiver.port}") as channel:
        STUBS["traces"](channel).Export(payload(), timeout=2, metadata=(("key-bin", b"\x00\x01"),))
        assert receiver.requests[0].headers["key-bin"] == "AAE="


def test_http_connection_serves_many_requests() -> None:
    """A connection is kept open between requests, after refused ones too, and each is counted once."""
    with Receiver("http") as receiver:
        with Client(receiver) as client:
            assert succeeded(client.send())
            receiver.fault = Fault.status(503)
            assert client.send().code == 503
            receiver.fault = None
            assert client.post("/elsewhere", b"?", headers={}).code == 404
            assert succeeded(client.send())
        assert receiver.connections == 1
        send(receiver)
        assert receiver.connections == 2


def test_grpc_connections_are_unknown() -> None:
    """The number of connections over gRPC is None rather than a wrong number."""
    with Receiver("grpc") as receiver:
        send(receiver)
        assert receiver.connections is None


@pytest.mark.parametrize(
    ("path", "body", "method", "headers", "code"),
    [
        ("/v1/spans", payload().SerializeToString(), "POST", {}, 404),
        ("/v1/traces", b"", "GET", {}, 405),
        ("/v1/traces", b"{}", "POST", {"content-type": "application/json"}, 415),
        ("/v1/traces", b"", "POST", {"content-encoding": "br"}, 415),
        ("/v1/traces", b"\xff", "POST", {}, 400),
        ("/v1/traces", b"plain", "POST", {"content-encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"cut")[:-4], "POST", {"content-encoding": "gzip"}, 400),
        ("/v1/traces", b"plain", "POST", {"content-encoding": "deflate"}, 400),
    ],
)
def test_wrong_http_request_is_refused_and_shown(
    path: str, body: Any, method: str, headers: dict[str, str], code: int
) -> None:
    """A request no collector would take is answered by the status that says why, and can be looked at."""
    with Receiver("http") as receiver, Client(receiver) as client:
        assert client.post(path, body, method=method, headers=headers).code == code
        assert receiver.spans == []
        [shown] = receiver.requests
    assert (shown.method, shown.path, shown.items) == (method, path, 0)


def test_chunked_http_body_is_read() -> None:
    """A body sent in chunks is read, and the connection serves on."""
    whole = payload(items=2).SerializeToString()
    with Receiver("http") as receiver, Client(receiver) as client:
        for _ in range(2):
            assert succeeded(client.post("/v1/traces", iter([whole[:3], whole[3:]]), headers={}))
        assert names(receiver) == ["0", "1", "0", "1"]
        assert receiver.connections == 1


WHOLE = payload().SerializeToString()


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
    with (
        Receiver("http") as receiver,
        socket.create_connection(("127.0.0.1", receiver.port), timeout=2) as client,
    ):
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
            assert succeeded(client.send(items=500))
    assert receiver.count("traces") == 10_000
    assert time.monotonic() - started < 2.0


# Reading, waiting, forgetting.


def test_waiting_ends_with_the_arrival(receiver: Receiver) -> None:
    """Waiting ends as soon as what is waited for arrives, having looked once for each arrival at most."""
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
    # Over HTTP each request is announced as a connection, as a request and as spans.
    assert len(looks) <= 1 + 3 * 3


def test_waiting_gives_up(receiver: Receiver) -> None:
    """Waiting for what does not arrive ends after its timeout and says so."""
    started = time.monotonic()
    assert not receiver.wait_for(lambda each: bool(each.spans), timeout=0.2)
    assert 0.2 <= time.monotonic() - started < 1.0


def test_clearing_forgets_everything_received(receiver: Receiver) -> None:
    """After clearing nothing is left of what arrived, and what arrives next is read."""
    with Client(receiver) as client:
        for signal in RESPONSES:
            client.send(signal)
        receiver.fault = Fault.status(503 if receiver.protocol == "http" else grpc.StatusCode.UNAVAILABLE)
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


def test_restart_keeps_the_port(secured: Receiver, authority: Authority) -> None:
    """A receiver stopped and started again listens where it did, and keeps what it received."""
    endpoint, tls = secured.endpoint, tls_of(secured, authority)
    pair = authority.client() if tls else None
    for sent in range(3):
        with Client(secured, tls, pair) as client:
            assert succeeded(client.send())
            secured.stop()
            assert secured.count("traces") == sent + 1
            assert not succeeded(client.send(timeout=PATIENCE))
            secured.start()
    assert secured.endpoint == endpoint
    assert names(secured) == ["0", "0", "0"]


def test_starting_and_stopping_twice_is_harmless(receiver: Receiver) -> None:
    """Starting what runs and stopping what does not change nothing."""
    receiver.start()
    assert succeeded(send(receiver))
    receiver.stop()
    receiver.stop()
    assert names(receiver) == ["0"]


@pytest.mark.filterwarnings("error")
def test_stopping_leaves_nothing_behind(secured: Receiver, authority: Authority) -> None:
    """Stopping takes under a second with clients connected, ends its threads and closes its sockets."""
    tls = tls_of(secured, authority)
    pair = authority.client() if tls else None

    def use() -> float:
        secured.start()
        with Client(secured, tls, pair) as client, socket.create_connection(("127.0.0.1", secured.port)):
            assert succeeded(client.send())
            started = time.monotonic()
            secured.stop()
            assert not [each for each in threading.enumerate() if each.name.startswith("otlp-receiver")]
            return time.monotonic() - started

    use()  # gRPC opens, once in a process, what it keeps for ever
    threads, files = set(threading.enumerate()), open_files()
    assert max(use() for _ in range(5)) < 1.0
    gc.collect()  # a socket left open warns when it is collected
    for thread in set(threading.enumerate()) - threads:
        thread.join(1.0)
        assert not thread.is_alive(), thread
    # gRPC closes its end of a connection a moment after it said that it stopped.
    deadline = time.monotonic() + 1.0
    while open_files() > files and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert open_files() <= files
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", secured.port), timeout=1)


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


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
    assert not succeeded(answers[0])
    assert receiver.spans == []


# Certificates.


@pytest.mark.parametrize("wrong", ["expired", "elsewhere"])
def test_wrong_server_certificate_is_refused_by_clients(protocol: Any, authority: Authority, wrong: str) -> None:
    """No client that checks talks to a server whose certificate expired or names another host."""
    certificate = authority.expired_server() if wrong == "expired" else authority.server("elsewhere.example")
    with Receiver(protocol, tls=authority, certificate=certificate) as receiver:
        with Client(receiver, authority) as client:
            answer = client.send()
        assert answer.code in (grpc.StatusCode.UNAVAILABLE, "SSLCertVerificationError")
        assert receiver.requests == []


@pytest.mark.parametrize("presented", ["none", "foreign"])
def test_mutual_tls_refuses_strangers(protocol: Any, authority: Authority, tmp_path: Any, presented: str) -> None:
    """With mutual TLS a client without a certificate, or with another authority's, gets no answer."""
    pair = Authority(tmp_path).client() if presented == "foreign" else None
    with Receiver(protocol, tls=authority, mutual=True) as receiver:
        with Client(receiver, authority, pair) as client:
            assert not succeeded(client.send())
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_certificate_is_valid_for_both_local_names(protocol: Any, authority: Authority, host: str) -> None:
    """The default certificate can be checked against the local host's name and against its address."""
    with (
        Receiver(protocol, tls=authority) as receiver,
        socket.create_connection(("127.0.0.1", receiver.port), timeout=2) as connection,
    ):
        context = context_of(authority)
        context.set_alpn_protocols(["h2"] if protocol == "grpc" else [])
        with context.wrap_socket(connection, server_hostname=host) as secure:
            assert secure.version() == "TLSv1.3"


def test_silent_client_stalls_nobody(protocol: Any, authority: Authority) -> None:
    """A client that connects and never starts its handshake does not keep others from being served."""
    with (
        Receiver(protocol, tls=authority) as receiver,
        socket.create_connection(("127.0.0.1", receiver.port)),
        Client(receiver, authority) as client,
    ):
        assert succeeded(client.send())


def test_security_needs_an_authority(protocol: Any, authority: Authority) -> None:
    """Asking for mutual TLS or a certificate without TLS is an error, not a plaintext receiver."""
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, mutual=True)
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, certificate=authority.server())


# Faults.


def test_refusing_closes_the_port_and_what_was_open(receiver: Receiver) -> None:
    """While it refuses, connections are refused and open ones closed; then the same port serves again."""
    port = receiver.port
    with Client(receiver) as client, socket.create_connection(("127.0.0.1", port), timeout=1) as idle:
        assert succeeded(client.send())
        receiver.fault = Fault.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        assert ended(idle)
        assert not succeeded(client.send())
    assert not succeeded(send(receiver))
    receiver.fault = None
    assert receiver.port == port
    assert succeeded(send(receiver))
    assert names(receiver) == ["0", "0"]


def ended(connection: socket.socket) -> bool:
    """Tell whether the other end closes within the connection's timeout, whatever it sent before."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True


def test_refusing_keeps_the_port_from_others(receiver: Receiver) -> None:
    """While it refuses, nobody else can take its port."""
    receiver.fault = Fault.refuse()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", receiver.port))


def test_black_hole_accepts_and_never_answers(receiver: Receiver) -> None:
    """In a black hole connections are made and get no answer, and those open before get none any more."""
    with Client(receiver) as client:
        assert succeeded(client.send())
        receiver.fault = Fault.black_hole()
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=PATIENCE) as connection:
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        assert not succeeded(client.send(timeout=PATIENCE))
    receiver.fault = None
    assert succeeded(send(receiver))
    assert len(receiver.requests) == 2


def test_black_hole_makes_clients_wait(receiver: Receiver) -> None:
    """A client of a black hole learns nothing until its own timeout."""
    receiver.fault = Fault.black_hole()
    started = time.monotonic()
    answer = send(receiver, timeout=PATIENCE)
    assert answer.code in (grpc.StatusCode.DEADLINE_EXCEEDED, "TimeoutError")
    assert time.monotonic() - started >= PATIENCE - 0.01


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
    assert succeeded(send(receiver))
    assert 0.4 <= time.monotonic() - started < 1.5
    watcher.join(2)
    assert seen == [(1, 0)]
    assert names(receiver) == ["0"]


def test_data_of_a_client_that_gave_up_is_not_received(receiver: Receiver) -> None:
    """A request whose client hangs up before its delayed answer is not received."""
    receiver.fault = Fault.delay(0.6)
    assert not succeeded(send(receiver, timeout=0.2))
    assert len(receiver.requests) == 1
    assert not receiver.wait_for(lambda each: bool(each.count("traces") or each.rejected), timeout=0.8)


def test_clients_that_gave_up_block_nobody() -> None:
    """Over gRPC, abandoned requests with long delays leave threads to answer the next ones."""
    with Receiver("grpc") as receiver, Client(receiver) as client:
        receiver.fault = Fault.delay(30.0)
        calls = [STUBS["traces"](client.channel).Export.future(payload(), timeout=0.3) for _ in range(12)]
        for call in calls:
            assert call.exception(timeout=2) is not None
        receiver.fault = None
        assert succeeded(client.send(timeout=1.0))


@pytest.mark.parametrize("retry_after", [None, 2, 0.25])
def test_status_reaches_the_client(receiver: Receiver, retry_after: float | None) -> None:
    """An error is answered with its code, its message and when to try again; nothing is received."""
    code = grpc.StatusCode.RESOURCE_EXHAUSTED if receiver.protocol == "grpc" else 429
    receiver.fault = Fault.status(code, message="too much", retry_after=retry_after)
    answer = send(receiver, items=3)
    assert (answer.code, answer.message) == (code, "too much")
    assert retry_delay(answer) == retry_after
    assert (receiver.spans, receiver.count("traces"), receiver.rejected) == ([], 0, 3)
    assert receiver.requests[0].items == 3


def retry_delay(answer: Answer) -> float | None:
    if "retry-after" in answer.headers:
        return float(answer.headers["retry-after"])
    if "google.rpc.retryinfo-bin" not in answer.headers:
        return None
    delay = RetryInfo.FromString(answer.headers["google.rpc.retryinfo-bin"]).retry_delay
    return float(delay.seconds + delay.nanos / 1e9)


def test_status_makes_the_real_exporter_try_again(receiver: Receiver) -> None:
    """The official exporter obeys the delay it is told and succeeds once the fault is gone."""
    code = grpc.StatusCode.UNAVAILABLE if receiver.protocol == "grpc" else 503
    receiver.fault = Fault.status(code, retry_after=0.2)
    tracing = TracerProvider()
    spans: list[Any] = [tracing.get_tracer("till").start_span("order")]
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


def test_redirect_names_another_place() -> None:
    """A redirect answers 302 with its location and receives nothing."""
    with Receiver("http") as receiver:
        receiver.fault = Fault.redirect("http://elsewhere.example/v1/traces")
        answer = send(receiver, items=2)
        assert (answer.code, answer.headers["location"]) == (302, "http://elsewhere.example/v1/traces")
        assert (receiver.spans, receiver.rejected) == ([], 2)


def test_redirected_client_is_seen_where_it_goes() -> None:
    """A client that follows a redirect, though it changes to GET as most do, shows among the requests."""
    with Receiver("http") as first, Receiver("http") as second:
        first.fault = Fault.redirect(f"{second.endpoint}/v1/traces")
        request = urllib.request.Request(f"{first.endpoint}/v1/traces", b"", {"content-type": "application/x-protobuf"})
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(request, timeout=2)
        assert [(each.method, each.path) for each in second.requests] == [("GET", "/v1/traces")]
        assert second.spans == []


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_partial_success_reaches_the_client(receiver: Receiver, signal: Signal) -> None:
    """A partial success says how many items were rejected and why, and only the others are received."""
    receiver.fault = Fault.partial_success(2, "two too old")
    answer = send(receiver, signal, items=5)
    assert succeeded(answer)
    partial = answer.response.partial_success
    fields = {field.name: value for field, value in partial.ListFields()}
    assert fields.pop("error_message") == "two too old"
    assert list(fields.values()) == [2]
    read = getattr(receiver, "spans" if signal == "traces" else signal)
    assert len(read) == receiver.count(signal) == 3
    assert receiver.rejected == 2


def test_healthy_answer_has_no_partial_success(receiver: Receiver) -> None:
    """A healthy answer leaves the partial success unset, as the protocol asks for."""
    assert not send(receiver).response.HasField("partial_success")


def test_fault_can_concern_one_signal(receiver: Receiver) -> None:
    """A fault of one signal leaves the others healthy."""
    code = grpc.StatusCode.INTERNAL if receiver.protocol == "grpc" else 500
    receiver.fault = Fault.status(code, signal="traces")
    assert send(receiver, "traces").code == code
    assert succeeded(send(receiver, "metrics"))
    assert succeeded(send(receiver, "logs"))
    assert (len(receiver.spans), len(receiver.metrics), len(receiver.logs)) == (0, 1, 1)


@pytest.mark.parametrize("fault", [Fault.refuse(), Fault.black_hole()])
def test_fault_of_the_port_outlives_a_restart(receiver: Receiver, fault: Fault) -> None:
    """A fault set while stopped takes effect at the start, on the port there was."""
    port = receiver.port
    receiver.stop()
    receiver.fault = fault
    receiver.start()
    assert receiver.port == port
    assert not succeeded(send(receiver, timeout=PATIENCE))
    receiver.fault = None
    assert succeeded(send(receiver))


def test_impossible_fault_is_refused() -> None:
    """A fault that the protocol cannot express, or that is none, is an error where it is asked for."""
    with pytest.raises(ValueError, match="impossible"):
        Receiver("grpc").fault = Fault.redirect("/")
    with pytest.raises(ValueError, match="impossible"):
        Receiver("grpc").fault = Fault.status(503)
    with pytest.raises(ValueError, match="impossible"):
        Receiver("http").fault = Fault.status(grpc.StatusCode.UNAVAILABLE)
    for code in (200, 302, grpc.StatusCode.OK):
        with pytest.raises(ValueError, match="not an error"):
            Fault.status(code)
