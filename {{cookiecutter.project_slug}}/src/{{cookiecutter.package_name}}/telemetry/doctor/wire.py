"""What listens at an address, seen on plain sockets: for faults that look the same to an exporter."""

import os
import socket
import ssl
import threading
from contextlib import suppress
from typing import NamedTuple

from ..settings import protocol

PATIENCE = 1.5  # seconds for each question; a network answers within milliseconds
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # with empty SETTINGS
QUESTION = (
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"  # to which every HTTP server has an answer
)
GRPC = protocol.PROTOCOL == "grpc"
# OpenSSL's numbers for what is wrong with a certificate.
CERTIFICATE = {9: "expired", 10: "expired", 62: "wrong-host", 64: "wrong-host"}
CERTIFICATE |= dict.fromkeys((2, 18, 19, 20, 21), "unknown-ca")


class Route(NamedTuple):
    """Where one signal goes, and with which papers; `host` is empty for what is no TCP address."""

    host: str
    port: int
    tls: bool
    ca: str = ""
    certificate: str = ""
    key: str = ""


class Answer(NamedTuple):
    """What came back for what was sent: `code` is empty for success, whatever `rejected` says."""

    code: str
    detail: str = ""
    retry: str = ""
    rejected: int = 0
    sent: str = ""


class Seen(NamedTuple):
    """What was seen: a key of findings.PATH, or "speaks" where the other end speaks the right protocol."""

    key: str
    detail: str = ""


def look(route: Route, resolved: threading.Event) -> Seen:
    """Ask the other end one question after another until it is clear what it is."""
    try:
        socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)
        resolved.set()
        with socket.create_connection((route.host, route.port), PATIENCE * 2) as connection:
            connection.settimeout(PATIENCE)
            return _secure(route, connection) if route.tls else _plain(route, connection)
    except socket.gaierror as error:
        return Seen("unresolved", error.strerror or str(error))
    except UnicodeError:
        return Seen("unresolved", "not a host name")
    except ConnectionRefusedError:
        return Seen("nothing-listens")
    except TimeoutError:
        return Seen("unreachable", f"no connection within {PATIENCE * 2:g} s")
    except OSError as error:
        return Seen("unreachable" if error.errno else "broken", error.strerror or str(error))


def _read(connection: socket.socket, seconds: float = PATIENCE) -> bytes | None:
    """Return what comes next: nothing at an end, and None where nothing comes in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(64)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def _is_settings(data: bytes | None) -> bool:
    return bool(data) and data is not None and len(data) > 3 and data[3] == 4 and not data.startswith(b"HTTP")


def _plain(route: Route, connection: socket.socket) -> Seen:
    if _is_settings(said := _read(connection, 0.5)):  # a gRPC server speaks first
        return Seen("speaks" if GRPC else "grpc-port")
    if _takes_tls(route):
        return Seen("plaintext-to-tls")
    if not said:
        with suppress(OSError):
            connection.sendall(PREFACE if GRPC else QUESTION)
        said = _read(connection)
    if said is None:
        return Seen("black-hole" if GRPC else "silent")
    if _is_settings(said):
        return Seen("speaks" if GRPC else "grpc-port")
    if said.startswith(b"HTTP/") or _answers_http(route):
        return Seen("http-port" if GRPC else "speaks")
    return Seen("broken", f"it begins with {said!r}" if said else "it closes the connection")


def _takes_tls(route: Route) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        connection = socket.create_connection((route.host, route.port), PATIENCE)
        with connection, context.wrap_socket(connection, server_hostname=route.host):
            return True
    except ssl.SSLError as error:  # an alert is TLS, too
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _context(route: Route, *applications: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=route.ca or None)
    if not route.ca and not GRPC:
        import certifi  # what requests trusts

        context.load_verify_locations(certifi.where())
    if route.certificate:
        context.load_cert_chain(route.certificate, route.key or None)
    context.set_alpn_protocols([*applications])
    return context


def _secure(route: Route, connection: socket.socket) -> Seen:
    try:
        context = _context(route, "h2" if GRPC else "http/1.1")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return Seen("exporter", f"{error}, in {', '.join(filter(os.path.basename, route[3:]))}")
    try:
        secure = context.wrap_socket(connection, server_hostname=route.host)
    except ssl.SSLCertVerificationError as error:
        return Seen(CERTIFICATE.get(error.verify_code, "bad-certificate"), error.verify_message)
    except TimeoutError:
        return _without_tls(route) or Seen("black-hole" if GRPC else "silent")
    except ssl.SSLError as error:
        return _refused(route, error)
    except ConnectionError:
        return _without_tls(route) or Seen("handshake", "it closes the connection")
    with secure:
        if GRPC and secure.selected_alpn_protocol() != "h2":
            return Seen("http-port")
        if not GRPC and not secure.selected_alpn_protocol() and _selects_h2(route):
            return Seen("grpc-port")
        return _after_handshake(route, secure)


def _refused(route: Route, error: ssl.SSLError) -> Seen:
    reason = error.reason or str(error)
    if "CERTIFICATE_REQUIRED" in reason or "NO_CERTIFICATE" in reason:
        return Seen("no-client-certificate")
    if "ALERT" in reason and "NO_APPLICATION_PROTOCOL" in reason:
        return Seen("http-port" if GRPC else "grpc-port")
    if "ALERT" in reason and route.certificate and ("CA" in reason.split("_") or "CERTIFICATE" in reason):
        return Seen("wrong-client-certificate")
    return _without_tls(route) or Seen("handshake", reason)


def _answers_http(route: Route) -> bool:
    with suppress(OSError), socket.create_connection((route.host, route.port), PATIENCE) as connection:
        connection.sendall(QUESTION)
        return (_read(connection) or b"").startswith(b"HTTP/")
    return False


def _without_tls(route: Route) -> Seen | None:
    """Tell whether what does not speak TLS speaks plaintext."""
    with suppress(OSError), socket.create_connection((route.host, route.port), PATIENCE) as connection:
        if _is_settings(_read(connection, 0.5)) or _answers_http(route):
            return Seen("tls-to-plaintext")
    return None


def _selects_h2(route: Route) -> bool:
    with suppress(OSError, ValueError):
        connection = socket.create_connection((route.host, route.port), PATIENCE)
        with connection, _context(route, "h2").wrap_socket(connection, server_hostname=route.host) as secure:
            return secure.selected_alpn_protocol() == "h2"
    return False


def _after_handshake(route: Route, secure: ssl.SSLSocket) -> Seen:
    """Read only: to write would bring a reset, which swallows the alert that tells why."""
    refused = Seen("wrong-client-certificate" if route.certificate else "no-client-certificate")
    try:
        said = _read(secure, PATIENCE if GRPC else PATIENCE / 2)
    except ssl.SSLError as error:
        return _refused(route, error) if "ALERT" in (error.reason or "") else refused
    if said is None:
        return Seen("black-hole") if GRPC else Seen("speaks")
    if said == b"":  # a gRPC server that wants another certificate ends the stream before its SETTINGS
        return refused
    return Seen("speaks" if _is_settings(said) or not GRPC else "broken", f"it begins with {said!r}")
