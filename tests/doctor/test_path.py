"""Faults of the path, each seeded on a real receiver: found, told apart, named with what to change."""

import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import grpc
import pytest

from ..conftest import Projects
from ..harness.ahead import ahead
from ..harness.certificates import Authority
from ..harness.receiver import Fault, Receiver
from ..harness.service import clean_environment, free_port
from .run import LIMIT, Report, doctor

pytestmark = pytest.mark.slow

Protocol = Literal["grpc", "http"]
BOTH: tuple[Protocol, ...] = ("grpc", "http")
OTLP = "OTEL_EXPORTER_OTLP"
OTHER: dict[str, Protocol] = {"grpc": "http", "http": "grpc"}


@dataclass
class Place:
    """A receiver for one fault, and what the service is told about it."""

    stack: ExitStack
    protocol: Protocol
    authority: Authority
    stranger: Authority
    port: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    def receive(self, fault: Fault | None = None, protocol: Protocol | None = None, **options: Any) -> Receiver:
        """Start a receiver, point the service at it, and let it fail."""
        receiver = self.stack.enter_context(Receiver(protocol or self.protocol, **options))
        self.port = receiver.port
        self.variables[f"{OTLP}_ENDPOINT"] = receiver.endpoint
        receiver.fault = fault
        return receiver

    def trust(self) -> None:
        """Name the authority that signs the receiver's certificate."""
        self.variables[f"{OTLP}_CERTIFICATE"] = str(self.authority.ca)

    def show(self, authority: Authority) -> None:
        """Have the service show a client certificate that this authority has signed."""
        pair = authority.client()
        self.variables[f"{OTLP}_CLIENT_CERTIFICATE"] = str(pair.certificate)
        self.variables[f"{OTLP}_CLIENT_KEY"] = str(pair.key)


Seed = Callable[[Place], object]


@dataclass(frozen=True)
class Case:
    """A fault, the key that is expected for it, and the words that must be in the finding and its fix."""

    key: str
    seed: Seed
    words: tuple[str, ...] = (f"{OTLP}_ENDPOINT",)
    protocols: tuple[Protocol, ...] = BOTH
    http_key: str = ""


CASES: dict[str, Case] = {}


def case(key: str, *words: str, protocols: tuple[Protocol, ...] = BOTH, http_key: str = "") -> Callable[[Seed], Seed]:
    """Enter a function that seeds a fault into CASES, under the function's name."""

    def enter(seed: Seed) -> Seed:
        name = getattr(seed, "__name__", key).replace("_", " ")
        CASES[name] = Case(key, seed, words or (f"{OTLP}_ENDPOINT",), protocols, http_key)
        return seed

    return enter


@case("nothing-listens")
def nothing_listens(place: Place) -> None:
    """Refuse connections."""
    place.receive(Fault.refuse())


@case("unresolved", "no-such-host.invalid", f"{OTLP}_ENDPOINT")
def name_does_not_resolve(place: Place) -> None:
    """Name a host that nobody has."""
    place.port = 4317
    place.variables[f"{OTLP}_ENDPOINT"] = "http://no-such-host.invalid:4317"


@case("black-hole", f"{OTLP}_TIMEOUT", http_key="silent")
def black_hole(place: Place) -> None:
    """Accept connections and never say a word; the service would wait for ten minutes."""
    place.receive(Fault.black_hole())
    place.variables[f"{OTLP}_TIMEOUT"] = "600"


@case("slow", f"{OTLP}_TIMEOUT")
def slower_than_the_timeout(place: Place) -> None:
    """Answer after the service has given up."""
    place.receive(Fault.delay(5))
    place.variables[f"{OTLP}_TIMEOUT"] = "1"


@case("plaintext-to-tls", "https://", f"{OTLP}_ENDPOINT")
def plaintext_to_a_tls_port(place: Place) -> None:
    """Write http:// for a receiver that has a certificate."""
    receiver = place.receive(tls=place.authority)
    place.variables[f"{OTLP}_ENDPOINT"] = f"http://localhost:{receiver.port}"


@case("tls-to-plaintext", "http://", f"{OTLP}_ENDPOINT")
def tls_to_a_plaintext_port(place: Place) -> None:
    """Write https:// for a receiver that has none."""
    receiver = place.receive()
    place.variables[f"{OTLP}_ENDPOINT"] = f"https://localhost:{receiver.port}"


@case("unknown-ca", f"{OTLP}_CERTIFICATE")
def unknown_authority(place: Place) -> None:
    """Trust nobody but the usual authorities."""
    place.receive(tls=place.authority)


@case("unknown-ca", f"{OTLP}_CERTIFICATE")
def wrong_authority(place: Place) -> None:
    """Trust another private authority."""
    place.receive(tls=place.authority)
    place.variables[f"{OTLP}_CERTIFICATE"] = str(place.stranger.ca)


@case("expired", f"{OTLP}_CERTIFICATE")
def expired_certificate(place: Place) -> None:
    """Let the receiver's certificate run out."""
    place.receive(tls=place.authority, certificate=place.authority.expired_server())
    place.trust()


@case("wrong-host", f"{OTLP}_ENDPOINT", f"{OTLP}_CERTIFICATE")
def wrong_host_name(place: Place) -> None:
    """Have the receiver's certificate issued for another host."""
    place.receive(tls=place.authority, certificate=place.authority.server("collector.example"))
    place.trust()


@case("no-client-certificate", f"{OTLP}_CLIENT_CERTIFICATE", f"{OTLP}_CLIENT_KEY")
def mutual_tls_without_a_certificate(place: Place) -> None:
    """Ask for a client certificate that nobody has."""
    place.receive(tls=place.authority, mutual=True)
    place.trust()


@case("wrong-client-certificate", f"{OTLP}_CLIENT_CERTIFICATE", f"{OTLP}_CLIENT_KEY")
def mutual_tls_with_a_wrong_certificate(place: Place) -> None:
    """Show a client certificate of another authority."""
    place.receive(tls=place.authority, mutual=True)
    place.trust()
    place.show(place.stranger)


@case("http-port", "431", f"{OTLP}_ENDPOINT", http_key="grpc-port")
def ports_swapped(place: Place) -> None:
    """Point at a receiver of the other protocol."""
    place.receive(protocol=OTHER[place.protocol])


@case("http-port", "431", f"{OTLP}_ENDPOINT", http_key="grpc-port")
def ports_swapped_with_tls(place: Place) -> None:
    """The same with TLS."""
    place.receive(protocol=OTHER[place.protocol], tls=place.authority)
    place.trust()


def status(place: Place, code: grpc.StatusCode, http: int, **options: Any) -> None:
    """Answer an error."""
    place.receive(Fault.status(code if place.protocol == "grpc" else http, **options))


@case("unauthenticated", f"{OTLP}_HEADERS", "who are you")
def unauthenticated(place: Place) -> None:
    """Refuse whoever is not known."""
    status(place, grpc.StatusCode.UNAUTHENTICATED, 401, message="who are you")


@case("forbidden", f"{OTLP}_HEADERS", "not yours")
def forbidden(place: Place) -> None:
    """Refuse what is not allowed."""
    status(place, grpc.StatusCode.PERMISSION_DENIED, 403, message="not yours")


@case("no-path", f"{OTLP}_ENDPOINT", "404", protocols=("http",))
def wrong_path(place: Place) -> None:
    """Add a path that the receiver does not have."""
    place.variables[f"{OTLP}_ENDPOINT"] = f"{place.receive().endpoint}/otlp"


@case("no-service", f"{OTLP}_ENDPOINT", "UNIMPLEMENTED", protocols=("grpc",))
def no_such_service(place: Place) -> None:
    """Answer as a gRPC server does that is no collector."""
    place.receive(Fault.status(grpc.StatusCode.UNIMPLEMENTED, message="unknown service"))


@case("redirect", "302", "elsewhere.example", protocols=("http",))
def redirected(place: Place) -> None:
    """Answer that the receiver is elsewhere."""
    place.receive(Fault.redirect("https://elsewhere.example/v1/traces"))


@case("try-later", "retry", "30")
def try_later(place: Place) -> None:
    """Ask for a pause of half a minute."""
    status(place, grpc.StatusCode.UNAVAILABLE, 429, message="too much at once", retry_after=30)


@case("try-later", "overloaded")
def unavailable_without_advice(place: Place) -> None:
    """Say no more than that it does not work at present."""
    status(place, grpc.StatusCode.UNAVAILABLE, 503, message="overloaded")


@case("refused", "malformed")
def refused(place: Place) -> None:
    """Refuse the data themselves."""
    status(place, grpc.StatusCode.INVALID_ARGUMENT, 400, message="malformed")


@case("too-large", "413", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
def too_large(place: Place) -> None:
    """Find the request too large, as gRPC and HTTP servers do."""
    status(place, grpc.StatusCode.RESOURCE_EXHAUSTED, 413, message="413: message larger than max (5 vs. 4)")


@case("broken", "SSH")
def another_protocol(place: Place) -> None:
    """Point at a port of something else."""
    server = place.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    place.stack.enter_context(answering(server, b"SSH-2.0-x\r\n", at_once=True))
    place.port = server.getsockname()[1]
    place.variables[f"{OTLP}_ENDPOINT"] = f"http://127.0.0.1:{place.port}"


@case("exporter", f"{OTLP}_CERTIFICATE")
def no_certificate_in_the_file(place: Place) -> None:
    """Name a PEM file that holds no certificate."""
    place.receive(tls=place.authority)
    place.trust()
    empty = place.authority.ca.with_name("empty.pem")
    empty.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    place.variables[f"{OTLP}_CERTIFICATE"] = str(empty)


@case("partial-success", "no attribute tenant.id", "rejected 1 of 1")
def partial_success(place: Place) -> None:
    """Answer success, and reject the item."""
    place.receive(Fault.partial_success(1, "no attribute tenant.id"))


@case("proxy", "http_proxy", "no_proxy")
def captured_by_a_proxy(place: Place) -> None:
    """Have a proxy variable that nobody thought of."""
    receiver = place.receive()
    place.variables["http_proxy"] = f"http://127.0.0.1:{free_port()}"
    assert receiver.fault is None


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that the receivers do not know."""
    return Authority(tmp_path_factory.mktemp("stranger"))


LOCK = threading.Lock()  # an Authority numbers its files, and is not made for threads


@pytest.fixture(scope="module")
def reports(
    request: pytest.FixtureRequest, projects: Projects, authority: Authority, stranger: Authority
) -> Iterator[Callable[..., tuple[Report, int]]]:
    """Return the function from a case and a protocol to the report, and the port that it should name."""
    ports: dict[tuple[str, Protocol], int] = {}
    installed = {protocol: projects(protocol) for protocol in BOTH}

    def run(name: str, protocol: Protocol) -> Report:
        with ExitStack() as stack:
            place = Place(stack, protocol, authority, stranger)
            with LOCK:
                CASES[name].seed(place)
            ports[name, protocol] = place.port
            return doctor(installed[protocol], **place.variables)

    with ahead(request, ("name", "protocol"), run) as runs:
        yield lambda name, protocol: (runs(name, protocol), ports[name, protocol])


SAID: dict[Protocol, dict[str, tuple[str, str]]] = {"grpc": {}, "http": {}}


@pytest.mark.parametrize(
    ("name", "protocol"), [(name, protocol) for name, case in CASES.items() for protocol in case.protocols]
)
def test_a_fault_of_the_path_is_found(
    name: str, protocol: Protocol, reports: Callable[..., tuple[Report, int]]
) -> None:
    """Exactly one finding, for all signals that are on; it names the address and the variable, and ends in time."""
    case, (report, port) = CASES[name], reports(name, protocol)
    key = case.http_key if protocol == "http" and case.http_key else case.key
    assert (report.status, [*report.findings]) == (1, [key]), report
    (found,) = [check for check in report.checks if check["level"] == "finding"]
    assert found["about"] == "traces, metrics"
    words = f"{found['says']} {found['fix']}"
    assert not re.search(r"\(\w+ unknown\)", words), words  # a name in the sentence that nothing fills in
    assert [word for word in (*case.words, f":{port}") if word not in words] == []
    assert report.seconds < LIMIT
    assert found["says"]
    assert found["fix"]
    plain = re.sub(r"[\d.]+", "", found["says"])
    for other, (other_key, said) in SAID[protocol].items():  # neighbours differ in words
        assert other_key == key or said != plain, other
    SAID[protocol][name] = key, plain


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_one_wrong_endpoint_among_right_ones(protocol: Protocol, signal: str, projects: Projects) -> None:
    """A signal's own endpoint is tried by itself: its variable is named, and the others are well."""
    with Receiver(protocol) as receiver:
        port = free_port()
        own = f"{OTLP}_{signal.upper()}_ENDPOINT"
        variables = {f"{OTLP}_ENDPOINT": receiver.endpoint, own: f"http://127.0.0.1:{port}/v1/{signal}"}
        report = doctor(projects(protocol), OTEL_LOGS_EXPORTER="otlp", **variables)
    path = {check["about"]: check for check in report.checks if check["about"] not in ("settings", "process")}
    assert report.status == 1
    assert {about: check["key"] for about, check in path.items() if about == signal} == {signal: "nothing-listens"}
    assert f"127.0.0.1:{port}" in path[signal]["says"]
    assert own in path[signal]["fix"]
    others = ", ".join(other for other in ("traces", "metrics", "logs") if other != signal)
    assert path[others]["key"] == "arrived"


def test_a_client_certificate_without_its_authority(
    projects: Projects, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """gRPC ignores a client certificate unless the authority is set too: that is said, and what comes of it."""
    pair = authority.client()
    with Receiver("grpc", tls=authority, mutual=True) as receiver:
        report = doctor(
            projects("grpc"),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(pair.certificate),
            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(pair.key),
        )
    assert [*report.findings] == ["no-authority", "unknown-ca"]
    assert f"is ignored: expected {OTLP}_CERTIFICATE as well" in report.words


def test_a_page_is_no_answer(projects: Projects) -> None:
    """A web page with status 200, which the exporter takes for success, is a finding."""
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome"
    with socket.create_server(("127.0.0.1", 0)) as server, answering(server, page):
        port = server.getsockname()[1]
        report = doctor(projects("http"), OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert [*report.findings] == ["not-otlp"], report
    assert f":{port}" in report.words


@contextmanager
def answering(server: socket.socket, answer: bytes, at_once: bool = False) -> Iterator[None]:
    """Answer every connection the same."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                data = b""
                while not at_once and not data.endswith(b"\0end") and b"\r\n\r\n" not in data:
                    data += connection.recv(65536) or b"\0end"
                length = re.search(rb"content-length: (\d+)", data.lower())
                _, _, body = data.partition(b"\r\n\r\n")
                while length and len(body) < int(length[1]):
                    body += connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_every_sentence_about_the_path_is_tested_or_argued() -> None:
    """No key of the table is without a seeded fault, but those that need what a test machine cannot have."""
    from ..source.table import findings

    argued = {"unreachable", "bad-certificate", "handshake", "unfinished"}
    seeded = {key for case in CASES.values() for key in (case.key, case.http_key) if key} | {"not-otlp"}
    assert seeded | argued == set(findings("PATH"))
    assert not seeded & argued


def test_the_report_is_for_a_person(projects: Projects, protocol: Protocol) -> None:
    """Without --json: one line a check, the fix under its finding, log lines elsewhere."""
    port = free_port()
    report: Report = doctor(projects(protocol), "", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert report.status == 1
    lines = report.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("finding"))
    assert "nothing listens at 127.0.0.1" in lines[at]
    assert lines[at + 1].split()[0] == "fix:"
    assert "ERROR" not in report.out
    assert "ERROR" in report.err


@pytest.mark.parametrize(
    ("endpoint", "route"),
    [
        ("http://unix-gateway:4317", ["unix-gateway", 4317]),
        ("unixcollector:4317", ["unixcollector", 4317]),
        ("unix:/run/collector.sock", ["", 0]),
    ],
)
def test_only_the_scheme_unix_is_a_socket(endpoint: str, route: list[object], projects: Projects) -> None:
    """A host whose name begins with `unix` is looked at like any other; a unix socket has no host and port."""
    code = """
import json
from payment_service.telemetry.doctor import otlp
route = otlp.route("traces")
print(json.dumps([route.host, route.port]))
"""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", code],
        env=clean_environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == route
