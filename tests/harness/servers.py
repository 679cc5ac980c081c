"""The servers that hold a receiver's port, each until it is closed: gRPC, HTTP, and one that never answers."""

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
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as ErrorBody

from .faults import Fault
from .records import SERVICES, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from .arrivals import Arrivals
    from .certificates import Pair

HOST = "127.0.0.1"
MOST_BYTES = 4 << 20  # of a request, uncompressed; gRPC's own limit
_STOP_TIMEOUT = 5.0  # seconds; stopping takes milliseconds, and longer than this is a defect to report
_THREADS = "otlp-receiver"  # what the names of all threads begin with
_SIGNALS = {f"/v1/{signal}": signal for signal in SERVICES}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


class Tls(NamedTuple):
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


def _start(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, name=_THREADS, daemon=True)
    thread.start()
    return thread


def _join(threads: Iterable[threading.Thread]) -> None:
    deadline = time.monotonic() + _STOP_TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            raise RuntimeError(f"{thread.name} did not end")


class SilentServer:
    """Holds the port without answering: connections are refused or, when listening, left to the kernel."""

    def __init__(self, port: int, *, listening: bool) -> None:
        """Take the port; raise OSError if it is taken."""
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
            if listening:
                self._socket.listen(socket.SOMAXCONN)
        except OSError:
            self._socket.close()
            raise
        self.port = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()


class GrpcServer:
    """Serves gRPC."""

    def __init__(self, arrivals: Arrivals, port: int, tls: Tls | None) -> None:
        """Take the port and serve; raise RuntimeError if it is taken."""
        self._arrivals = arrivals
        self._threads: list[threading.Thread] = []
        self._pool = ThreadPoolExecutor(8, _THREADS, lambda: self._threads.append(threading.current_thread()))
        # Without this a second receiver could share the port, each getting some of the connections.
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MOST_BYTES)]
        self._server = grpc.server(self._pool, options=options)
        for signal, service in SERVICES.items():
            export = grpc.unary_unary_rpc_method_handler(
                partial(self._export, signal), service.parse, lambda response: response.SerializeToString()
            )
            handler = grpc.method_handlers_generic_handler(service.full_name, {"Export": export})
            self._server.add_generic_rpc_handlers((handler,))
        server, address = self._server, f"{HOST}:{port}"
        self.port = server.add_secure_port(address, tls.grpc()) if tls else server.add_insecure_port(address)
        server.start()

    def _export(self, signal: str, request: Any, context: grpc.ServicerContext) -> Any:
        service = SERVICES[signal]
        headers = {
            # Binary metadata is shown as it travels.
            key: value if isinstance(value, str) else base64.b64encode(value).decode()
            for key, value in context.invocation_metadata()
        }
        seen = Request(signal, "POST", f"/{service.full_name}/Export", headers, service.count(request))
        # A client that gives up, or a server that stops, must free the thread that would have answered.
        context.add_callback(self._arrivals.wake)
        answer = self._arrivals.admit(seen, request, lambda: not context.is_active())
        if answer is None:
            context.abort(grpc.StatusCode.CANCELLED, "nobody is waiting for the answer")
        if isinstance(answer, Fault):
            if answer.retry_after is not None:
                info = RetryInfo()
                info.retry_delay.FromNanoseconds(round(answer.retry_after * 1e9))
                # Servers put it among the details of the status; a trailer of its own is the older way.
                advice = ("google.rpc.retryinfo-bin", info.SerializeToString())
                if answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    body = ErrorBody(code=answer.code.value[0], message=answer.message)
                    body.details.add().Pack(info)
                    advice = ("grpc-status-details-bin", body.SerializeToString())
                context.set_trailing_metadata((advice,))
            context.abort(answer.code, answer.message)
        return answer

    def close(self) -> None:
        """Drop every request and end every thread."""
        # A grace of None would wait without bound inside grpc.
        if not self._server.stop(0).wait(_STOP_TIMEOUT):
            raise RuntimeError("the gRPC server did not stop")
        self._arrivals.wake()  # whoever began to wait too early to be told of the end
        self._pool.shutdown(wait=False, cancel_futures=True)
        _join(self._threads)


class HttpServer(ThreadingHTTPServer):
    """Serves HTTP, one thread for each connection."""

    daemon_threads = True
    allow_reuse_port = False  # the default of some Python versions lets two receivers share a port
    request_queue_size = 128

    def __init__(self, arrivals: Arrivals, port: int, tls: Tls | None) -> None:
        """Take the port and serve; raise OSError if it is taken."""
        self.arrivals = arrivals
        self._open: list[tuple[threading.Thread, socket.socket]] = []
        self._tls = None if tls is None else tls.http()
        super().__init__((HOST, port), _Handler)
        self.port = self.server_address[1]
        # A connection can vanish between being announced and being accepted.
        self.socket.settimeout(1.0)
        self._thread = _start(self.serve_forever, 0.05)

    def server_bind(self) -> None:
        # HTTPServer's own also looks the host name up, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._tls is not None:
            # The handshake is left to the first read, in a thread of its own: a silent client stalls nobody.
            request = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        self._open = [(thread, connection) for thread, connection in self._open if thread.is_alive()]
        self._open.append((_start(self.process_request_thread, request, client_address), request))

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Connections cut and handshakes refused are what tests provoke; anything else is a defect to show.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Drop every connection and end every thread."""
        self.shutdown()
        self.server_close()
        for _, connection in self._open:
            with contextlib.suppress(OSError):  # its thread may have closed it
                # Not SSLSocket.shutdown, which takes the TLS state away from the thread that uses it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.arrivals.wake()
        _join([self._thread, *(thread for thread, _ in self._open)])


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = 60.0  # seconds without a request before a connection is closed
    disable_nagle_algorithm = True  # or else a body waits until its headers are acknowledged

    def do_POST(self) -> None:  # the name http.server calls
        body = self._body()
        signal = _SIGNALS.get(self.path, "")
        answer = content = self._content(signal, body)
        is_refused = isinstance(content, Fault)
        seen = Request(
            signal=signal,
            method=self.command,
            path=self.path,
            headers={key.lower(): value for key, value in self.headers.items()},
            items=0 if is_refused else SERVICES[signal].count(content),
            encoding=self.headers.get("content-encoding", ""),
        )
        if is_refused:
            self.server.arrivals.arrived(seen)
        else:
            answer = self.server.arrivals.admit(seen, content, self._gone)
        if answer is None:
            self.close_connection = True
        else:
            self._answer(answer)

    # Requests of other methods are shown too: a client that follows a redirect may change to GET.
    do_GET = do_POST  # noqa: N815 - the names http.server calls

    def _body(self) -> bytes:
        size = int(self.headers.get("content-length", 0))
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError  # what came of it might parse, and pass for the whole
        return data

    def _content(self, signal: str, body: bytes) -> Any:
        """Return the parsed body, or the fault that says why it cannot be."""
        if not signal:
            return Fault.status(HTTPStatus.NOT_FOUND)
        # Before the type and encoding, which a GET need not state.
        if self.command != "POST":
            return Fault.status(HTTPStatus.METHOD_NOT_ALLOWED)
        decompress = _DECODERS.get(self.headers.get("content-encoding", ""))
        if decompress is None or self.headers.get_content_type() != "application/x-protobuf":
            return Fault.status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            data = decompress(body)
            if len(data) > MOST_BYTES:
                return Fault.status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return SERVICES[signal].parse(data)
        except (DecodeError, OSError, EOFError, zlib.error):
            return Fault.status(HTTPStatus.BAD_REQUEST)

    def _gone(self) -> bool:
        # OTLP clients do not send ahead: what can be read while one waits is the end of its connection.
        return bool(select.select([self.connection], [], [], 0)[0])

    def _answer(self, answer: Any) -> None:
        status, headers = HTTPStatus.OK, {"Content-Type": "application/x-protobuf"}
        if isinstance(answer, Fault):
            status = answer.code
            if answer.location is not None:
                headers["Location"] = answer.location
            if answer.retry_after is not None:
                headers["Retry-After"] = f"{answer.retry_after:g}"
            answer = ErrorBody(message=answer.message)
        body = answer.SerializeToString()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
