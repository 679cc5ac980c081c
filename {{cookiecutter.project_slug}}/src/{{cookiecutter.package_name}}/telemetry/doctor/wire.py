"""Looks by plain sockets what listens at an address.

An exporter reports many faults alike, such as a wrong port and a receiver that is away.
"""

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass

from ..settings import protocol
from .time_limits import CONNECT, GREETING, QUESTION

GRPC = protocol.PROTOCOL == "grpc"
# The start of an HTTP/2 connection (RFC 9113, 3.4) with an empty SETTINGS frame.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PREFACE += b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
SETTINGS_FRAME = 4  # the type of a frame is its fourth byte
# Every HTTP server has an answer to this.
OPTIONS = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# OpenSSL's numbers (X509_V_ERR_*) for what is wrong with a certificate.
CERTIFICATE = {
    2: "unknown-ca",
    9: "expired",
    10: "expired",
    18: "unknown-ca",
    19: "unknown-ca",
    20: "unknown-ca",
    21: "unknown-ca",
    62: "wrong-host",
    64: "wrong-host",
}


@dataclass(frozen=True)
class Route:
    """Where one signal goes, and the PEM files for TLS. A Unix socket has no host."""

    host: str
    port: int
    tls: bool
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True)
class Answer:
    """What an exporter got for its request."""

    code: str  # empty for success; "timeout" and "connection" for no answer
    detail: str = ""
    retry: str = ""  # when the receiver asks to try again
    rejected: int = 0  # how many items it rejected in spite of success
    sent: str = ""  # the status, where `code` is none


@dataclass(frozen=True)
class Seen:
    """What listens there: a key of findings.PATH, or "speaks" for the right protocol."""

    key: str
    detail: str = ""


SPEAKS = Seen("speaks")
NO_ANSWER = Seen("black-hole" if GRPC else "silent")


def look(route: Route, resolved: threading.Event) -> Seen:
    """Return what listens at a route; set `resolved` when its host name is resolved."""
    try:
        socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)
        resolved.set()
        with _connect(route, CONNECT) as connection:
            connection.settimeout(QUESTION)
            if route.tls:
                return _look_by_tls(route, connection)
            return _look(route, connection)
    except socket.gaierror as error:
        return Seen("unresolved", error.strerror or str(error))
    except UnicodeError:
        return Seen("unresolved", "not a host name")
    except ConnectionRefusedError:
        return Seen("nothing-listens")
    except TimeoutError:
        return Seen("unreachable", f"no connection within {CONNECT:g} s")
    except OSError as error:
        key = "unreachable" if error.errno else "broken"
        return Seen(key, error.strerror or str(error))


def _connect(route: Route, seconds: float = QUESTION) -> socket.socket:
    return socket.create_connection((route.host, route.port), seconds)


def _read(connection: socket.socket, seconds: float = QUESTION) -> bytes | None:
    """Return the next bytes: none of them at the end, and None if nothing comes in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(64)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def _is_grpc(data: bytes | None) -> bool:
    """Return whether a server has begun with a SETTINGS frame, as gRPC servers do."""
    if not data or len(data) < 4 or data.startswith(b"HTTP"):
        return False
    return data[3] == SETTINGS_FRAME


def _look(route: Route, connection: socket.socket) -> Seen:
    """Return what answers to plaintext."""
    data = _read(connection, GREETING)
    if not _is_grpc(data):
        if _takes_tls(route):
            return Seen("plaintext-to-tls")
        if not data:
            with suppress(OSError):
                connection.sendall(PREFACE if GRPC else OPTIONS)
            data = _read(connection)
    if data is None:
        return NO_ANSWER
    if _is_grpc(data):
        return SPEAKS if GRPC else Seen("grpc-port")
    if data.startswith(b"HTTP/") or _answers_http(route):
        return Seen("http-port") if GRPC else SPEAKS
    return Seen("broken", f"it begins with {data!r}" if data else "it closes the connection")


def _takes_tls(route: Route) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with _handshake(route, context):
            return True
    except ssl.SSLError as error:  # a server that sends an alert speaks TLS
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _answers_http(route: Route) -> bool:
    with suppress(OSError), _connect(route) as connection:
        connection.sendall(OPTIONS)
        data = _read(connection)
        return data is not None and data.startswith(b"HTTP/")
    return False


def _look_by_tls(route: Route, connection: socket.socket) -> Seen:
    """Return what answers to TLS."""
    try:
        context = _context(route, "h2" if GRPC else "http/1.1")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = filter(None, [route.ca, route.certificate, route.key])
        return Seen("exporter", f"{error}, in {', '.join(files)}")
    try:
        secure = context.wrap_socket(connection, server_hostname=route.host)
    except ssl.SSLCertVerificationError as error:
        key = CERTIFICATE.get(error.verify_code, "bad-certificate")
        return Seen(key, error.verify_message)
    except TimeoutError:
        return _look_without_tls(route) or NO_ANSWER
    except ssl.SSLError as error:
        return _refused(route, error)
    except ConnectionError:
        return _look_without_tls(route) or Seen("handshake", "it closes the connection")
    with secure:
        return _protocol(route, secure)


def _context(route: Route, application: str) -> ssl.SSLContext:
    """Return the service's own TLS settings, for one protocol of the application (ALPN)."""
    context = ssl.create_default_context(cafile=route.ca or None)
    if not route.ca and not GRPC:
        import certifi  # the CAs that requests trusts

        context.load_verify_locations(certifi.where())
    if route.certificate:
        context.load_cert_chain(route.certificate, route.key or None)
    context.set_alpn_protocols([application])
    return context


def _handshake(route: Route, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a new connection with TLS."""
    connection = _connect(route)
    try:
        return context.wrap_socket(connection, server_hostname=route.host)
    except BaseException:
        connection.close()
        raise


def _refused(route: Route, error: ssl.SSLError) -> Seen:
    """Return why a server ends the handshake, by OpenSSL's name for its alert."""
    reason = error.reason or str(error)
    is_alert = "ALERT" in reason
    if "CERTIFICATE_REQUIRED" in reason or "NO_CERTIFICATE" in reason:
        return Seen("no-client-certificate")
    if is_alert and "NO_APPLICATION_PROTOCOL" in reason:
        return Seen("http-port" if GRPC else "grpc-port")
    names_certificate = "CA" in reason.split("_") or "CERTIFICATE" in reason
    if is_alert and route.certificate and names_certificate:
        return Seen("wrong-client-certificate")
    return _look_without_tls(route) or Seen("handshake", reason)


def _look_without_tls(route: Route) -> Seen | None:
    """Return whether a server that does not speak TLS speaks plaintext."""
    with suppress(OSError), _connect(route) as connection:
        if _is_grpc(_read(connection, GREETING)) or _answers_http(route):
            return Seen("tls-to-plaintext")
    return None


def _protocol(route: Route, secure: ssl.SSLSocket) -> Seen:
    """Return what a server speaks inside TLS."""
    selected = secure.selected_alpn_protocol()
    if GRPC and selected != "h2":
        return Seen("http-port")
    if not GRPC and not selected and _selects_h2(route):
        return Seen("grpc-port")
    return _after_handshake(route, secure)


def _selects_h2(route: Route) -> bool:
    with suppress(OSError, ValueError):
        context = _context(route, "h2")
        with _handshake(route, context) as secure:
            return secure.selected_alpn_protocol() == "h2"
    return False


def _after_handshake(route: Route, secure: ssl.SSLSocket) -> Seen:
    """Return whether a server accepts the client certificate: with TLS 1.3 it says so late.

    Only read: a write would bring a reset, and the alert with the reason would be lost.
    """
    refused = Seen("wrong-client-certificate" if route.certificate else "no-client-certificate")
    try:
        data = _read(secure, QUESTION if GRPC else QUESTION / 2)
    except ssl.SSLError as error:
        is_alert = "ALERT" in (error.reason or "")
        return _refused(route, error) if is_alert else refused
    if data is None:
        return NO_ANSWER if GRPC else SPEAKS
    if not data:  # a gRPC server that wants another certificate closes before its SETTINGS
        return refused
    if _is_grpc(data) or not GRPC:
        return SPEAKS
    return Seen("broken", f"it begins with {data!r}")
