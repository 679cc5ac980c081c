"""Nobody's span gets into a gateway: each of its ports wants a token, and which one depends on the port."""

import http.client
import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import yaml

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service, free_port
from ..harness.waiting import wait_until
from ..manifests.table import PROTOCOLS, telemetry
from .processes import Collector, Pipeline
from .spans import Sender, request, span

pytestmark = pytest.mark.slow

SPANS = 200
DOORS = ("4317", "4318", "4319")


@pytest.fixture(scope="module")
def guarded(binary: Path, configurations: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Run a pipeline that keeps nothing but errors."""
    variables = {"KEEP_PERCENT": "0", "DECISION_WAIT": "1s"}
    with Pipeline(binary, configurations, tmp_path_factory.mktemp("guarded"), **variables) as pipeline:
        yield pipeline


def errors() -> tuple[bytes, set[str]]:
    """Return a request of 200 spans that sampling keeps, because they are errors, and their ids."""
    spans = [span(os.urandom(16), error=True) for _ in range(SPANS)]
    return request(spans), {one.span_id.hex() for one in spans}


def post(address: str, ca: Path, token: str, payload: bytes) -> str:
    """Send a request over HTTP; return the status, in the words of gRPC where there are some."""
    host, port = address.split(":")
    headers = {"Content-Type": "application/x-protobuf"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    context = ssl.create_default_context(cafile=str(ca))
    with closing(http.client.HTTPSConnection(host, int(port), context=context, timeout=10)) as connection:
        connection.request("POST", "/v1/traces", payload, headers)
        status = connection.getresponse().status
    return {200: "OK", 401: "UNAUTHENTICATED", 503: "UNAVAILABLE"}.get(status, str(status))


def knock(pipeline: Pipeline, door: str, token: str, payload: bytes) -> str:
    """Send a request to a port of the first gateway, with its CA and maybe a token; return the answer.

    A gateway that has not reached its peer yet is unavailable, and is asked again for 30 s.
    """

    def answer() -> str:
        status = ask(pipeline, door, token, payload)
        return "" if status == "UNAVAILABLE" else status

    return wait_until(answer, "a gateway that is available", 30, pause=0.5)


def ask(pipeline: Pipeline, door: str, token: str, payload: bytes) -> str:
    """Send a request once; return the answer."""
    if door == "4318":
        return post(pipeline.gateways[0].variables["HTTP_ADDRESS"], pipeline.ca, token, payload)
    address = {"4317": pipeline.fronts[0], "4319": pipeline.peers[0]}[door]
    with Sender(address, pipeline.ca, token) as sender:
        return sender.offer(payload)


def wait(pipeline: Pipeline, wanted: set[str]) -> set[str]:
    """Return the spans that have arrived, once these are among them; wait for at most 20 s."""
    wait_until(lambda: wanted <= pipeline.span_ids(), f"{len(wanted)} spans", 20, pause=0.2)
    return pipeline.span_ids()


@pytest.mark.parametrize("door", DOORS)
def test_a_forged_span_does_not_arrive(door: str, guarded: Pipeline) -> None:
    """Of 200 spans with the public CA alone, or with a token of another port, none arrives; with the port's, all do."""
    right, wrong = guarded.token, guarded.peers_token
    if door == "4319":
        right, wrong = wrong, right
    forged: set[str] = set()
    for token in ("", "guessed", wrong):
        payload, ids = errors()
        forged |= ids
        assert knock(guarded, door, token, payload) == "UNAUTHENTICATED"
    payload, genuine = errors()
    assert knock(guarded, door, right, payload) == "OK"
    arrived = wait(guarded, genuine)
    assert (len(arrived & genuine), len(arrived & forged)) == (SPANS, 0)


def test_two_tokens_are_good_while_one_replaces_the_other(guarded: Pipeline) -> None:
    """A changed file is read again: first both tokens are taken, then only the new one, without a restart."""
    old, new = guarded.token, "f" * 64
    payload, _ = errors()

    def answers(tokens: str, expected: list[str]) -> list[str]:
        replacement = guarded.client_tokens.with_suffix(".new")
        replacement.write_text(tokens)
        replacement.rename(guarded.client_tokens)

        def found() -> list[str]:
            return [knock(guarded, "4317", token, payload) for token in (old, new)]

        with suppress(TimeoutError):
            wait_until(lambda: found() == expected, "the new tokens", 10, pause=0.1)
        return found()

    for tokens, expected in (
        (f"{old} # until December\n\n{new}\n", ["OK", "OK"]),
        (f"{new}\n", ["UNAUTHENTICATED", "OK"]),
        (f"{old}\n", ["OK", "UNAUTHENTICATED"]),
    ):
        assert answers(tokens, expected) == expected


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("GATEWAY_TOKEN", "", "no bearer token provided"),
        *(
            (variable, value, reason)
            for variable in ("CLIENT_TOKENS_FILE", "PEERS_TOKENS_FILE")
            for value, reason in (
                ("", "no bearer token provided"),
                ("/nonexistent", "no such file"),
                ("/dev/null", "is empty"),
            )
        ),
    ],
)
def test_without_a_token_it_does_not_start(
    variable: str, value: str, reason: str, binary: Path, configurations: Path, tmp_path: Path
) -> None:
    """An agent without a token, and a gateway without a token file or with an empty one, end and give the reason."""
    pipeline = Pipeline(binary, configurations, tmp_path)
    collector = pipeline.agent if variable == "GATEWAY_TOKEN" else pipeline.gateways[0]
    collector.variables[variable] = value
    with pytest.raises(RuntimeError, match=reason):
        collector.start()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_shows_its_token(protocol: str, guarded: Pipeline, projects: Projects) -> None:
    """What the manifests give a service opens the gateway; where the Secret is missing it serves, and says so."""
    variables = telemetry("fastapi", protocol, "kubernetes", "production", "gateway")
    address = guarded.fronts[0] if protocol == "grpc" else guarded.gateways[0].variables["HTTP_ADDRESS"]
    variables |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{address}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(guarded.ca),
        "OTEL_METRICS_EXPORTER": "none",
    }
    header = variables.pop("OTEL_EXPORTER_OTLP_HEADERS")
    assert header == "authorization=Bearer%20<secret>"
    for token, expected in ((guarded.token, 4), ("$(GATEWAY_TOKEN)", 0)):
        before = accepted(guarded)
        variables["OTEL_EXPORTER_OTLP_HEADERS"] = header.replace("<secret>", token)
        with Service(projects(protocol), **variables) as service:
            assert [service.post(4999) for _ in range(2)] == [201] * 2
            service.stop()
            said = service.output
        assert accepted(guarded) - before == expected
        refused = re.search(r"refuses them for good .*\b(UNAUTHENTICATED|401)\b", said)
        assert bool(refused) == (expected == 0), said


def accepted(pipeline: Pipeline) -> float:
    """Return how many spans the first gateway has taken from services and agents."""
    lines = pipeline.gateways[0].exposition().splitlines()
    taken = [line for line in lines if line.startswith("otelcol_receiver_accepted_spans") and 'receiver="otlp"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in taken)


def test_plaintext_carries_no_token(binary: Path, rendered: Callable[..., Path], tmp_path: Path) -> None:
    """Compose's agent sends in plaintext and without a token; with a token, plaintext does not start."""
    deploy = rendered(deployment="compose") / "deploy"
    agent = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]["agent"]
    _, *arguments = agent["command"]
    port = free_port()
    with Receiver("grpc") as jaeger:
        variables = agent["environment"] | {
            "GATEWAY_ENDPOINT": jaeger.endpoint.removeprefix("http://"),
            "GRPC_ADDRESS": f"127.0.0.1:{port}",
            "HTTP_ADDRESS": f"127.0.0.1:{free_port()}",
        }
        configuration = deploy / "collector/agent.yaml"
        with Collector(binary, configuration, tmp_path / "compose", *arguments, **variables):
            with Sender(f"127.0.0.1:{port}") as sender:
                sender.send(errors()[0])
            jaeger.wait_for(lambda seen: len(seen.spans) >= SPANS)
        assert len(jaeger.spans) == SPANS
        assert all("authorization" not in sent.headers for sent in jaeger.requests)
        with pytest.raises(RuntimeError, match="require transport level security"):
            Collector(binary, configuration, tmp_path / "token", **variables).start()
