"""A real OTLP endpoint: receives over gRPC or HTTP, keeps what arrived, and fails on demand."""

from __future__ import annotations

import base64
import contextlib
import gzip
import select
import socket
import socketserver
import ssl
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as ErrorBody
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from tests.harness.certificates import Authority, Pair

Signal = Literal["traces", "metrics", "logs"]
Attributes = dict[str, Any]

_HOST = "127.0.0.1"
_STOP_TIMEOUT = 5.0  # seconds; stopping takes milliseconds, and longer than this is a defect to report


@dataclass(frozen=True)
class Span:
    """Shows one received span; times in nanoseconds since the epoch, identifiers in hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    start: int
    end: int
    attributes: Attributes
    status: str
    status_message: str
    events: list[tuple[str, Attributes]]
    links: list[tuple[str, str]]
    resource: Attributes
    scope: str

    @property
    def duration(self) -> float:
        """Return how long the span lasted, in seconds."""
        return (self.end - self.start) / 1e9


@dataclass(frozen=True)
class Point:
    """Shows one received data point; `value` is the sum when `kind` is a histogram or a summary."""

    name: str
    unit: str
    kind: str
    value: float
    count: int
    monotonic: bool
    temporality: str
    attributes: Attributes
    resource: Attributes
    scope: str
    start: int
    time: int


@dataclass(frozen=True)
class Log:
    """Shows one received log record; identifiers in hexadecimal, empty outside any span."""

    body: Any
    severity: int
    severity_text: str
    event_name: str
    trace_id: str
    span_id: str
    attributes: Attributes
    resource: Attributes
    scope: str


@dataclass(frozen=True)
class Request:
    """Shows one request as it arrived, whatever the answer; `signal` is empty for an unknown path."""

    signal: str
    method: str
    path: str
    headers: dict[str, str]
    items: int
    encoding: str  # always empty over gRPC, which decompresses out of sight
    received_at: float  # time.monotonic(), in seconds


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Describes one way to fail; made by its named constructors, `signal=None` meaning all signals."""

    kind: Literal["refuse", "black_hole", "delay", "status", "redirect", "partial_success"]
    signal: Signal | None = None
    seconds: float = 0.0
    code: Any = None
    message: str = ""
    retry_after: float | None = None
    location: str = ""
    rejected: int = 0

    @classmethod
    def refuse(cls) -> Self:
        """Refuse connections: the open ones are closed and nothing listens on the port."""
        return cls(kind="refuse")

    @classmethod
    def black_hole(cls) -> Self:
        """Let connections be made and never answer them; those open before are closed."""
        return cls(kind="black_hole")

    @classmethod
    def delay(cls, seconds: float, *, signal: Signal | None = None) -> Self:
        """Answer after so many seconds, and only then count the data as received."""
        return cls(kind="delay", seconds=seconds, signal=signal)

    @classmethod
    def status(
        cls,
        code: grpc.StatusCode | int,
        *,
        message: str = "",
        retry_after: float | None = None,
        signal: Signal | None = None,
    ) -> Self:
        """Answer an error: a `grpc.StatusCode`, or an HTTP status of 400 to 599; `retry_after` in seconds."""
        if code == grpc.StatusCode.OK or (isinstance(code, int) and not 400 <= code <= 599):
            msg = f"{code!r} is not an error"
            raise ValueError(msg)
        return cls(kind="status", code=code, message=message, retry_after=retry_after, signal=signal)

    @classmethod
    def redirect(cls, location: str, *, signal: Signal | None = None) -> Self:
        """Answer that the resource was found elsewhere (HTTP 302)."""
        return cls(kind="redirect", location=location, signal=signal)

    @classmethod
    def partial_success(cls, rejected: int, message: str, *, signal: Signal | None = None) -> Self:
        """Answer success, but for the last `rejected` items of each request, which are not kept."""
        return cls(kind="partial_success", rejected=rejected, message=message, signal=signal)

    @property
    def holds_port(self) -> bool:
        """Tell whether it is the port that fails, rather than an answer."""
        return self.kind in {"refuse", "black_hole"}

    def possible_over(self, protocol: str) -> bool:
        """Tell whether a server of this protocol can fail so."""
        if self.kind == "status":
            return isinstance(self.code, int) == (protocol == "http")
        return self.kind != "redirect" or protocol == "http"


_HEALTHY = Fault.delay(0.0)


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _attributes(pairs: Iterable[Any]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _spans(span: Any, resource: Attributes, scope: str) -> Iterator[Span]:
    yield Span(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        resource=resource,
        scope=scope,
    )


def _data(metric: Any) -> Any:
    return getattr(metric, metric.WhichOneof("data") or "gauge")


def _points(metric: Any, resource: Attributes, scope: str) -> Iterator[Point]:
    data = _data(metric)
    temporality = AggregationTemporality.Name(getattr(data, "aggregation_temporality", 0))
    for point in data.data_points:
        is_number = hasattr(point, "as_int")
        yield Point(
            name=metric.name,
            unit=metric.unit,
            kind=metric.WhichOneof("data"),
            value=getattr(point, point.WhichOneof("value") or "as_int") if is_number else point.sum,
            count=0 if is_number else point.count,
            monotonic=getattr(data, "is_monotonic", False),
            temporality=temporality.removeprefix("AGGREGATION_TEMPORALITY_"),
            attributes=_attributes(point.attributes),
            resource=resource,
            scope=scope,
            start=point.start_time_unix_nano,
            time=point.time_unix_nano,
        )


def _logs(record: Any, resource: Attributes, scope: str) -> Iterator[Log]:
    yield Log(
        body=_value(record.body),
        severity=record.severity_number,
        severity_text=record.severity_text,
        event_name=record.event_name,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        attributes=_attributes(record.attributes),
        resource=resource,
        scope=scope,
    )


class _Service(NamedTuple):
    """Names what differs between the three OTLP services."""

    name: str
    messages: Any
    stubs: Any
    groups: str
    entries: str
    rejected: str
    views: Callable[[Any, Attributes, str], Iterator[Any]]

    @property
    def method(self) -> str:
        return f"/opentelemetry.proto.collector.{self.name.lower()}.v1.{self.name}Service/Export"

    def register(self, servicer: _Servicer, server: Any) -> None:
        getattr(self.stubs, f"add_{self.name}ServiceServicer_to_server")(servicer, server)

    def parse(self, body: bytes) -> Any:
        return getattr(self.messages, f"Export{self.name}ServiceRequest").FromString(body)

    def respond(self, rejected: int, message: str) -> Any:
        response = getattr(self.messages, f"Export{self.name}ServiceResponse")()
        if rejected or message:
            setattr(response.partial_success, self.rejected, rejected)
            response.partial_success.error_message = message
        return response

    def scopes(self, request: Any) -> Iterator[tuple[Any, Any]]:
        for resource in getattr(request, f"resource_{self.groups}"):
            for scope in getattr(resource, f"scope_{self.groups}"):
                yield resource, scope

    def count(self, request: Any) -> int:
        entries = (getattr(scope, self.entries) for _, scope in self.scopes(request))
        if self.groups == "metrics":
            return sum(len(_data(metric).data_points) for metrics in entries for metric in metrics)
        return sum(map(len, entries))

    def read(self, request: Any) -> Iterator[Any]:
        for resource, scope in self.scopes(request):
            attributes = _attributes(resource.resource.attributes)
            for entry in getattr(scope, self.entries):
                yield from self.views(entry, attributes, scope.scope.name)


_SERVICES: dict[Signal, _Service] = {
    "traces": _Service("Trace", trace_service_pb2, trace_service_pb2_grpc, "spans", "spans", "rejected_spans", _spans),
    "metrics": _Service(
        "Metrics",
        metrics_service_pb2,
        metrics_service_pb2_grpc,
        "metrics",
        "metrics",
        "rejected_data_points",
        _points,
    ),
    "logs": _Service(
        "Logs", logs_service_pb2, logs_service_pb2_grpc, "logs", "log_records", "rejected_log_records", _logs
    ),
}
_PATHS: dict[str, Signal] = {f"/v1/{signal}": signal for signal in _SERVICES}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


class _Tls(NamedTuple):
    """Holds what a server needs for TLS, and for mutual TLS when there are authorities for clients."""

    server: Pair
    clients: Path | None

    def grpc(self) -> Any:
        return grpc.ssl_server_credentials(
            [(self.server.key.read_bytes(), self.server.certificate.read_bytes())],
            root_certificates=None if self.clients is None else self.clients.read_bytes(),
            require_client_auth=self.clients is not None,
        )

    def http(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server)
        if self.clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.clients)
        return context


class Receiver:
    """Receives OTLP on one port of this machine, the same one from its first start to its last.

    `tls` is the authority that signs its certificate and, with `mutual`, its clients'; `certificate`
    replaces that certificate, for instance by an expired one. A stopped receiver can still be read.
    """

    def __init__(
        self,
        protocol: Literal["grpc", "http"],
        *,
        tls: Authority | None = None,
        certificate: Pair | None = None,
        mutual: bool = False,
        port: int = 0,
    ) -> None:
        """Prepare a receiver without opening anything; port 0 means any free one."""
        if tls is None and (mutual or certificate):
            msg = "mutual TLS and a certificate need an authority"
            raise ValueError(msg)
        self.protocol = protocol
        self.port = port
        self.tls = None if tls is None else _Tls(certificate or tls.server(), tls.ca if mutual else None)
        self._fault: Fault | None = None
        self._server: _Server | None = None
        self._switching = threading.Lock()
        self._changed = threading.Condition()
        self.clear()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Listen, unless it does already."""
        with self._switching:
            self._open()

    def stop(self) -> None:
        """Close every socket and end every thread; requests being answered are dropped."""
        with self._switching:
            self._close()

    def _open(self) -> None:
        if self._server is None:
            if self._fault is not None and self._fault.holds_port:
                self._server = _SilentServer(self.port, listening=self._fault.kind == "black_hole")
            else:
                self._server = (_GrpcServer if self.protocol == "grpc" else _HttpServer)(self)
            self.port = self._server.port

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    @property
    def endpoint(self) -> str:
        """Return the URL to export to, without any path."""
        return f"http://{_HOST}:{self.port}" if self.tls is None else f"https://localhost:{self.port}"

    @property
    def fault(self) -> Fault | None:
        """Return or change how it fails; a change is complete when the assignment returns."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        if fault is not None and not fault.possible_over(self.protocol):
            msg = f"{fault} is impossible over {self.protocol}"
            raise ValueError(msg)
        with self._switching:
            before, self._fault = self._fault, fault
            involved = [each for each in (before, fault) if each is not None and each.holds_port]
            if self._server is not None and involved:
                self._close()
                self._open()

    @property
    def spans(self) -> list[Span]:
        """Return the spans received, in order of arrival."""
        return self._read("traces")

    @property
    def metrics(self) -> list[Point]:
        """Return the data points received, in order of arrival."""
        return self._read("metrics")

    @property
    def logs(self) -> list[Log]:
        """Return the log records received, in order of arrival."""
        return self._read("logs")

    @property
    def requests(self) -> list[Request]:
        """Return every request that arrived whole, refused ones included, in order of arrival."""
        with self._changed:
            return list(self._requests)

    @property
    def rejected(self) -> int:
        """Return how many items were answered by an error, a redirect or as rejected."""
        with self._changed:
            return self._rejected

    @property
    def connections(self) -> int | None:
        """Return how many TCP connections were accepted over HTTP; None over gRPC, which does not say."""
        return self._connections if self.protocol == "http" else None

    def count(self, signal: Signal) -> int:
        """Return how many items of a signal were received, at a price that does not grow with them."""
        with self._changed:
            return self._counts[signal]

    def wait_for(self, condition: Callable[[Self], bool], timeout: float = 10.0) -> bool:
        """Wait until a condition on this receiver holds, at most `timeout` seconds; tell whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def clear(self) -> None:
        """Forget all that arrived, connections included, but not the fault."""
        with self._changed:
            self._unread: dict[Signal, list[tuple[Any, int]]] = {signal: [] for signal in _SERVICES}
            self._views: dict[Signal, list[Any]] = {signal: [] for signal in _SERVICES}
            self._counts: dict[Signal, int] = dict.fromkeys(_SERVICES, 0)
            self._requests: list[Request] = []
            self._rejected = 0
            self._connections = 0

    def _read(self, signal: Signal) -> list[Any]:
        with self._changed:
            views, unread = self._views[signal], self._unread[signal]
            for request, kept in unread:
                views += islice(_SERVICES[signal].read(request), kept)
            unread.clear()
            return list(views)

    def wake(self) -> None:
        """Make whoever waits look again; for the servers."""
        with self._changed:
            self._changed.notify_all()

    def connected(self) -> None:
        """Count a connection; for the servers."""
        with self._changed:
            self._connections += 1
            self._changed.notify_all()

    def arrived(self, seen: Request) -> None:
        """Keep a request without its contents; for the servers."""
        with self._changed:
            self._requests.append(seen)
            self._changed.notify_all()

    def admit(self, signal: Signal, seen: Request, request: Any, gone: Callable[[], bool]) -> Any:
        """Return what to answer: a response, a fault, or None if the client is gone; for the servers.

        Data is kept before its answer is sent, so that a client that was answered can read it at once.
        """
        with self._changed:
            self.arrived(seen)
            fault = self._fault
            if fault is None or fault.signal not in {None, signal}:
                fault = _HEALTHY
            if fault.seconds and self._changed.wait_for(gone, fault.seconds):
                return None
            is_error = fault.kind in {"status", "redirect"}
            kept = 0 if is_error else max(0, seen.items - fault.rejected)
            self._rejected += seen.items - kept
            if not is_error:
                self._unread[signal].append((request, kept))
                self._counts[signal] += kept
            self._changed.notify_all()
            return fault if is_error else _SERVICES[signal].respond(fault.rejected, fault.message)


class _Server(Protocol):
    """Holds a port until it is closed."""

    port: int

    def close(self) -> None: ...


class _SilentServer:
    """Holds the port without answering: connections are refused or, when listening, left to the kernel."""

    def __init__(self, port: int, *, listening: bool) -> None:
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((_HOST, port))
            if listening:
                self._socket.listen(socket.SOMAXCONN)
        except OSError:
            self._socket.close()
            raise
        self.port = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()


def _join(threads: Iterable[threading.Thread]) -> None:
    deadline = time.monotonic() + _STOP_TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            msg = f"{thread.name} did not end"
            raise RuntimeError(msg)


class _Servicer:
    """Answers one of the OTLP services over gRPC."""

    def __init__(self, signal: Signal, receiver: Receiver) -> None:
        self._signal = signal
        self._receiver = receiver

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the name gRPC calls
        service = _SERVICES[self._signal]
        seen = Request(
            signal=self._signal,
            method="POST",
            path=service.method,
            headers={
                # Binary metadata is shown as it travels.
                key: value if isinstance(value, str) else base64.b64encode(value).decode()
                for key, value in context.invocation_metadata()
            },
            items=service.count(request),
            encoding="",
            received_at=time.monotonic(),
        )
        if self._receiver.fault is not None:
            # A client that gives up, or a server that stops, must free the thread that would have answered.
            context.add_callback(self._receiver.wake)
        answer = self._receiver.admit(self._signal, seen, request, lambda: not context.is_active())
        if answer is None:
            context.abort(grpc.StatusCode.CANCELLED, "nobody is waiting for the answer")
        if isinstance(answer, Fault):
            if answer.retry_after is not None:
                info = RetryInfo()
                info.retry_delay.FromNanoseconds(round(answer.retry_after * 1e9))
                context.set_trailing_metadata((("google.rpc.retryinfo-bin", info.SerializeToString()),))
            context.abort(answer.code, answer.message)
        return answer


class _GrpcServer:
    """Serves gRPC until it is closed."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._threads: list[threading.Thread] = []
        self._pool = ThreadPoolExecutor(
            8, "otlp-receiver", initializer=lambda: self._threads.append(threading.current_thread())
        )
        # Without this a second receiver could share the port, each getting some of the connections.
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        for signal, service in _SERVICES.items():
            service.register(_Servicer(signal, receiver), self._server)
        address = f"{_HOST}:{receiver.port}"
        if receiver.tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, receiver.tls.grpc())
        self._server.start()

    def close(self) -> None:
        # A grace of None would wait without bound inside grpc.
        if not self._server.stop(0).wait(_STOP_TIMEOUT):
            msg = "the gRPC server did not stop"
            raise RuntimeError(msg)
        self._receiver.wake()  # whoever began to wait too early to be told of the end
        self._pool.shutdown(wait=False, cancel_futures=True)
        _join(self._threads)


class _HttpServer(ThreadingHTTPServer):
    """Serves HTTP until it is closed, one thread for each connection."""

    daemon_threads = True
    allow_reuse_port = False  # the default of some Python versions lets two receivers share a port
    request_queue_size = 128

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._open: list[tuple[threading.Thread, socket.socket]] = []
        self._tls = None if receiver.tls is None else receiver.tls.http()
        super().__init__((_HOST, receiver.port), _Handler)
        self.port = self.server_address[1]
        # A connection can vanish between being announced and being accepted.
        self.socket.settimeout(1.0)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="otlp-receiver", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        # HTTPServer's own also looks the host name up, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        self.receiver.connected()
        if self._tls is not None:
            # The handshake is left to the first read, in a thread of its own: a silent client stalls nobody.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="otlp-receiver-connection",
            daemon=True,
        )
        self._open = [(each, connection) for each, connection in self._open if each.is_alive()]
        thread.start()
        self._open.append((thread, request))

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Connections cut and handshakes refused are what tests provoke; anything else is a defect to show.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        for _, connection in self._open:
            with contextlib.suppress(OSError):  # its thread may have closed it
                # Not SSLSocket.shutdown, which takes the TLS state away from the thread that uses it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.receiver.wake()
        _join([self._thread, *(thread for thread, _ in self._open)])


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: _HttpServer
    protocol_version = "HTTP/1.1"
    timeout = 60.0  # seconds without a request before a connection is closed
    disable_nagle_algorithm = True  # or else a body waits until its headers are acknowledged

    def do_POST(self) -> None:  # the name http.server calls
        try:
            body = self._body()
        except EOFError:
            self.close_connection = True
            return
        signal = _PATHS.get(self.path)
        content = self._content(signal, body)
        seen = Request(
            signal=signal or "",
            method=self.command,
            path=self.path,
            headers={key.lower(): value for key, value in self.headers.items()},
            items=0 if isinstance(content, HTTPStatus) or signal is None else _SERVICES[signal].count(content),
            encoding=self.headers.get("content-encoding", ""),
            received_at=time.monotonic(),
        )
        if signal is None or isinstance(content, HTTPStatus):
            self.server.receiver.arrived(seen)
            self._answer(content)
            return
        answer = self.server.receiver.admit(signal, seen, content, self._gone)
        if answer is None:
            self.close_connection = True
        elif not isinstance(answer, Fault):
            self._answer(HTTPStatus.OK, answer.SerializeToString())
        elif answer.kind == "redirect":
            self._answer(HTTPStatus.FOUND, location=answer.location)
        else:
            self._answer(
                answer.code,
                ErrorBody(message=answer.message).SerializeToString(),
                retry_after=None if answer.retry_after is None else f"{answer.retry_after:g}",
            )

    # Requests of other methods are shown too: a client that follows a redirect may change to GET.
    do_GET = do_PUT = do_POST  # noqa: N815 - the names http.server calls

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self._exactly(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline() or b"0", 16):
            chunks.append(self._exactly(size))
            self.rfile.readline()
        if not self.rfile.readline():
            raise EOFError
        return b"".join(chunks)

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise EOFError  # what came of it might parse, and pass for the whole
        return data

    def _content(self, signal: Signal | None, body: bytes) -> Any:
        """Return the parsed body, or the status that says why it cannot be."""
        if signal is None:
            return HTTPStatus.NOT_FOUND
        # Before the type and encoding, which a GET need not state.
        if self.command != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED
        decompress = _DECODERS.get(self.headers.get("content-encoding", ""))
        if decompress is None or self.headers.get_content_type() != "application/x-protobuf":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        try:
            return _SERVICES[signal].parse(decompress(body))
        except (DecodeError, OSError, EOFError, zlib.error):
            return HTTPStatus.BAD_REQUEST

    def _gone(self) -> bool:
        # OTLP clients do not send ahead: what can be read while one waits is the end of its connection.
        return bool(select.select([self.connection], [], [], 0)[0])

    def _answer(self, status: int, body: bytes = b"", **headers: str | None) -> None:
        self.send_response(status)
        headers |= {"content_type": "application/x-protobuf", "content_length": str(len(body))}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-").title(), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
