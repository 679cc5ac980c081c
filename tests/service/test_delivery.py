"""N requests, N traces: what the service was asked is what the receiver got."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.certificates import Authority
from ..harness.receiver import Fault, Receiver, Span
from ..harness.records import latest
from ..harness.service import Service

pytestmark = pytest.mark.slow

POST = "POST /transactions"
WORK = "process_transaction"


@pytest.fixture(params=["plaintext", "tls", "mutual tls"])
def secured(
    request: pytest.FixtureRequest, protocol: Any, authority: Authority
) -> Iterator[tuple[Receiver, dict[str, str]]]:
    """Run a receiver; yield it and the variables with which a service reaches it."""
    certificate, key = authority.client()
    variables = {
        "plaintext": {},
        "tls": {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.ca)},
        "mutual tls": {
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.ca),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key),
        },
    }[request.param]
    tls = None if request.param == "plaintext" else authority
    with Receiver(protocol, tls=tls, mutual=request.param == "mutual tls") as receiver:
        yield receiver, variables | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}


def send(service: Service, posts: int, checks: int) -> None:
    """Send POSTs, with health checks spread among them, over four connections; every one must be answered well."""
    jobs = [True] * posts + [False] * checks
    jobs = [jobs[(i * 7) % len(jobs)] for i in range(len(jobs))]

    def work(mine: list[bool]) -> None:
        with closing(service.connect()) as connection:
            for number, is_post in enumerate(mine):
                if is_post:
                    assert service.post(number, connection=connection) == 201
                else:
                    path = ("/healthz", "/readyz")[number % 2]
                    assert service.request("GET", path, connection=connection)[0] == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [jobs[i::4] for i in range(4)]))


def assert_whole(spans: list[Span], requests: int) -> None:
    """Assert one trace for each request: a server span, its child, nothing twice and nothing else."""
    assert Counter(span.name for span in spans) == {POST: requests, WORK: requests}
    assert len({(span.trace_id, span.span_id) for span in spans}) == len(spans)
    servers = {span.span_id: span for span in spans if span.name == POST}
    children = [span for span in spans if span.name == WORK]
    assert {span.kind for span in servers.values()} == {"SERVER"}
    assert {span.parent_id for span in servers.values()} == {""}
    assert {child.parent_id for child in children} == set(servers)
    assert all(child.trace_id == servers[child.parent_id].trace_id for child in children)


def test_every_request_arrives_once(
    protocol: Any, secured: tuple[Receiver, dict[str, str]], projects: Projects
) -> None:
    """200 POSTs among 50 health checks, then SIGTERM: 200 traces of two spans, and no trace of the checks."""
    receiver, variables = secured
    with Service(projects(protocol), **variables) as service:
        send(service, posts=200, checks=50)
        service.stop()
    assert_whole(receiver.spans, 200)


def test_metrics_count_every_request(protocol: Any, projects: Projects) -> None:
    """The request metric counts what was asked, and the SDK's own metrics count every span as exported."""
    with Receiver(protocol) as receiver:
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            send(service, posts=60, checks=20)
            service.stop()
        assert sum(point.count for point in latest(receiver.metrics, "http.server.request.duration")) == 60
        counted = latest(receiver.metrics, "otel.sdk.exporter.span.exported")
        exported = [point for point in counted if "error.type" not in point.attributes]
        assert sum(point.value for point in exported) == len(receiver.spans) == 120


@pytest.mark.parametrize("fault", [Fault.black_hole(), Fault.refuse()], ids=["black hole", "refusing"])
def test_a_dead_collector_costs_nobody_anything(protocol: Any, fault: Fault, projects: Projects) -> None:
    """Requests are answered no slower than with a healthy collector, and the process ends within 6 s of SIGTERM."""
    with Receiver(protocol) as healthy, Receiver(protocol) as dead:
        dead.fault = fault
        with (
            Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=healthy.endpoint) as well,
            Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=dead.endpoint) as ill,
        ):
            took: dict[Service, list[float]] = {well: [], ill: []}
            for _ in range(40):  # in short turns, so that the machine's noise meets both
                for service in (well, ill):
                    began = time.perf_counter()
                    send(service, posts=20, checks=0)
                    took[service].append(time.perf_counter() - began)
            assert ill.stop() < 6
            assert well.stop() < 6
        median = {service: sorted(times)[len(times) // 2] for service, times in took.items()}
        assert median[ill] < 1.25 * median[well]
        assert len(healthy.spans) == 2 * 20 * 40
        assert dead.spans == []
