"""No false alarm: every kind of service, over every protocol and with every kind of TLS, has nothing to complain of."""

import json
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT, Projects
from ..harness.certificates import Authority
from ..harness.receiver import Receiver
from ..harness.service import install, render
from .run import LIMIT, doctor

pytestmark = pytest.mark.slow

ANSWERS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text())
FRAMEWORKS, PROTOCOLS = ANSWERS["framework"], ANSWERS["otlp_protocol"]
TLS = ("plaintext", "TLS", "mutual TLS")
OTLP = "OTEL_EXPORTER_OTLP"


@pytest.fixture(scope="module")
def services(projects: Projects, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Return the function from a framework and a protocol to an installed service."""

    @cache
    def service(framework: str, protocol: str) -> Path:
        if framework == FRAMEWORKS[0]:
            return projects(protocol)
        folder = tmp_path_factory.mktemp(f"{framework}-{protocol}")
        return install(render(folder, framework=framework, otlp_protocol=protocol), "--no-dev")

    return service


@pytest.mark.parametrize(("framework", "protocol", "tls"), [*product(FRAMEWORKS, PROTOCOLS, TLS)])
def test_a_healthy_service_gives_no_finding(
    framework: str, protocol: Any, tls: str, services: Callable[[str, str], Path], authority: Authority
) -> None:
    """Exit status 0, nothing but ok, and all three signals really arrived, marked; neither Redis nor a port is needed."""
    with Receiver(protocol, tls=None if tls == "plaintext" else authority, mutual=tls == "mutual TLS") as receiver:
        variables = {f"{OTLP}_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp"}
        if tls != "plaintext":
            variables[f"{OTLP}_CERTIFICATE"] = str(authority.ca)
        if tls == "mutual TLS":
            pair = authority.client()
            variables |= {f"{OTLP}_CLIENT_CERTIFICATE": str(pair.certificate), f"{OTLP}_CLIENT_KEY": str(pair.key)}
        report = doctor(services(framework, protocol), **variables)
        assert (report.status, {check["level"] for check in report.checks}) == (0, {"ok"}), report
        assert {(span.name, span.resource["service.name"]) for span in receiver.spans} == {
            ("doctor", "payment-service")
        }
        assert len({span.span_id for span in receiver.spans}) == 1
        assert {point.name for point in receiver.metrics} == {"doctor"}
        assert {log.body for log in receiver.logs} == {"doctor"}
    assert report.err == ""
    assert report.seconds < LIMIT


@pytest.mark.parametrize("sampler", ["always_on", "parentbased_traceidratio"])
def test_the_sampler_is_not_asked(sampler: str, projects: Projects) -> None:
    """A span arrives whatever the sampler would keep: the path is what is proven."""
    with Receiver("grpc") as receiver:
        variables = {f"{OTLP}_ENDPOINT": receiver.endpoint, "OTEL_TRACES_SAMPLER": sampler}
        share = {"OTEL_TRACES_SAMPLER_ARG": "0.000001"} if "ratio" in sampler else {}
        report = doctor(projects("grpc"), **variables, **share)
        assert (report.status, {span.name for span in receiver.spans}) == (0, {"doctor"}), report


@pytest.mark.parametrize("endpoint", ["http://[::1]:{port}", "HTTP://localhost:{port}", "dns:///localhost:{port}"])
def test_every_way_to_write_an_endpoint(endpoint: str, projects: Projects) -> None:
    """IPv6, upper case and gRPC's own names are understood, in what is sent and in what is said."""
    from ..harness.service import free_port

    report = doctor(
        projects("grpc"),
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.format(port=(port := free_port())),
        OTEL_EXPORTER_OTLP_INSECURE="true",
    )
    assert [*report.findings] == ["nothing-listens"], report
    assert f":{port}" in report.findings["nothing-listens"]
