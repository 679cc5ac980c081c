"""The answers about the backend: what each target gives a gateway opens a backend that asks for it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..harness.certificates import Authority
from ..harness.receiver import Receiver
from ..harness.waiting import wait_until
from ..pipeline.answers import CHOICES
from ..pipeline.variables import gateway_variables
from .processes import Pipeline
from .spans import Sender, request, span

pytestmark = pytest.mark.slow

SPANS = 50
HEADER = "Bearer for-the-backend"

Pipelines = Callable[..., Path]


@contextmanager
def gateways(
    binary: Path, folder: Path, project: Path, configurations: Path, backend: Receiver, authority: Authority
) -> Iterator[Pipeline]:
    """Run two gateways with the variables about the backend that the pipeline's target gives them."""
    target = "kubernetes" if (project / "kustomization.yaml").exists() else "systemd"
    certificate = authority.client()
    values = {
        "BACKEND_ENDPOINT": f"localhost:{backend.port}",
        "BACKEND_AUTHORIZATION": HEADER,
        "BACKEND_CERT_FILE": str(certificate.certificate),
        "BACKEND_KEY_FILE": str(certificate.key),
    }
    named = [name for name in gateway_variables(project, target) if name.startswith("BACKEND_")]
    # The gateway's configuration is the target's own; Pipeline wants an agent's beside it, and does not start it.
    assert (project / "collector/gateway.yaml").read_bytes() == (configurations / "gateway.yaml").read_bytes()
    pipeline = Pipeline(binary, configurations, folder, KEEP_PERCENT="100", DECISION_WAIT="1s")
    try:
        for gateway in pipeline.gateways:
            del gateway.variables["BACKEND_ENDPOINT"]
            gateway.variables |= {"BACKEND_CA_FILE": str(authority.ca)} | {name: values[name] for name in named}
            gateway.start()
        yield pipeline
    finally:
        for gateway in pipeline.gateways:
            gateway.kill()


def send(pipeline: Pipeline) -> None:
    """Send spans to the first gateway."""
    with Sender(pipeline.fronts[0], pipeline.ca, pipeline.token) as sender:
        sender.send(request([span(os.urandom(16)) for _ in range(SPANS)]))


@pytest.mark.parametrize("authentication", CHOICES["backend_authentication"])
@pytest.mark.parametrize("target", CHOICES["target"])
def test_spans_reach_the_backend(
    target: str,
    authentication: str,
    binary: Path,
    configurations: Path,
    pipelines: Pipelines,
    authority: Authority,
    tmp_path: Path,
) -> None:
    """All spans arrive: with the header for `token`, which is empty otherwise; for `mtls` the backend asks for a certificate."""
    project = pipelines(target=target, backend_authentication=authentication)
    with (
        Receiver("grpc", tls=authority, mutual=authentication == "mtls") as backend,
        gateways(binary, tmp_path, project, configurations, backend, authority) as pipeline,
    ):
        send(pipeline)
        backend.wait_for(lambda seen: len(seen.spans) >= SPANS, 30)
        headers = {sent.headers.get("authorization") for sent in backend.requests}
        arrived = len(backend.spans)
    assert arrived == SPANS
    assert headers == {HEADER if authentication == "token" else ""}


def test_without_the_certificate_nothing_arrives(
    binary: Path, configurations: Path, pipelines: Pipelines, authority: Authority, tmp_path: Path
) -> None:
    """A gateway without a client certificate cannot connect to a backend that asks for one, and keeps its spans."""
    project = pipelines(backend_authentication="token")
    with (
        Receiver("grpc", tls=authority, mutual=True) as backend,
        gateways(binary, tmp_path, project, configurations, backend, authority) as pipeline,
    ):
        send(pipeline)
        failed = rf'failed to connect to {{Addr: "127.0.0.1:{backend.port}"'

        def refused() -> bool:
            return any(re.search(failed, gateway.log.read_text()) for gateway in pipeline.gateways)

        wait_until(refused, "a gateway that cannot connect", 30, pause=0.2)
        time.sleep(3)  # for spans that must not come
        assert backend.spans == []
        assert sum(gateway.scrape()["otelcol_exporter_queue_size"] for gateway in pipeline.gateways) > 0
