"""Nothing is lost: service, agent, two gateways and files, with the shipped configurations and a real Collector.

One scenario of a minute and a half, of which each test reads its part: 2,000 requests; then both gateways go away for
60 s, under traffic; meanwhile the agent is killed, and the service is stopped and started; then the gateways come back.
"""

import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from ..conftest import Projects
from ..harness.service import Service
from ..harness.waiting import wait_until
from ..manifests.table import PROTOCOLS, telemetry
from .processes import Arrived, Pipeline
from .spans import Sender, request, span
from .traffic import Traffic

pytestmark = pytest.mark.slow

OUTAGE_SECONDS = 60
SPANS = ["POST /transactions", "process_transaction"]
KEEP_ALL = {"KEEP_PERCENT": "100", "DECISION_WAIT": "2s"}


@dataclass
class Story:
    """What was seen while the scenario ran."""

    sent_before: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    failed: int = 0
    seconds_healthy: float = 0.0
    seconds_outage: float = 0.0
    service_stop: float = 0.0
    arrived_in_outage: int = 0
    traces: dict[str, list[Arrived]] = field(default_factory=dict)
    copies: int = 0


def wait(pipeline: Pipeline, traces: set[str], seconds: float) -> None:
    """Wait until these traces are there with all their spans, or the time is over: what is missing is counted later."""

    def whole() -> bool:
        arrived = pipeline.traces()
        return all(len(arrived.get(trace, ())) >= len(SPANS) for trace in traces)

    with suppress(TimeoutError):
        wait_until(whole, "all traces", seconds, pause=0.5)


@pytest.fixture(scope="module")
def story(binary: Path, configurations: Path, projects: Projects, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Run the scenario, once."""
    seen, traffic = Story(), Traffic()
    pipeline = Pipeline(binary, configurations, tmp_path_factory.mktemp("pipeline"), **KEEP_ALL)
    variables = telemetry("fastapi", "grpc", "systemd", "production", "systemd")
    variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{pipeline.grpc}"
    with pipeline:
        with Service(projects("grpc"), **variables) as service:
            seen.seconds_healthy = median(traffic.send(service, 2000)[500:])
            wait(pipeline, traffic.traces, 30)
            seen.sent_before = set(traffic.traces)
            with traffic.during(service, pause=0.02):
                time.sleep(1)
                for gateway in pipeline.gateways:
                    gateway.stop()
                away = time.monotonic()
                time.sleep(15)
                pipeline.agent.kill()
                time.sleep(1)
                pipeline.agent.start()
                time.sleep(15)
            seen.seconds_outage = median(traffic.send(service, 500))
            seen.service_stop = service.stop()
        with Service(projects("grpc"), **variables) as service:
            with traffic.during(service, pause=0.02):
                seen.arrived_in_outage = len(pipeline.traces())
                time.sleep(max(0.0, away + OUTAGE_SECONDS - time.monotonic()))
                for gateway in pipeline.gateways:
                    gateway.start()
                time.sleep(3)
            service.stop()
        seen.sent, seen.failed = set(traffic.traces), traffic.failed
        wait(pipeline, seen.sent, 60)
    seen.traces = pipeline.traces()
    spans = [*pipeline.spans()]
    seen.copies = len(spans) - len(set(spans))
    return seen


def test_every_trace_arrives_whole_at_one_gateway(story: Story) -> None:
    """2,000 requests are 2,000 traces, each with both spans at one gateway; both gateways have their share."""
    assert len(story.sent_before) == 2000
    traces = [story.traces[trace] for trace in story.sent_before]
    assert [trace for trace in traces if [span.name for span in trace] != SPANS] == []
    by_gateway = {name: sum(trace[0].gateway == name for trace in traces) for name in ("one", "two")}
    assert min(by_gateway.values()) > 500
    assert {len({span.gateway for span in trace}) for trace in traces} == {1}


def test_no_trace_is_lost(story: Story) -> None:
    """Gateways away for 60 s, the agent killed in between: each request that was answered is a whole trace."""
    assert story.failed == 0
    assert len(story.sent) > len(story.sent_before) + 1500
    assert len(story.sent) - story.arrived_in_outage > 1000  # the outage was one
    assert story.traces.keys() == story.sent
    broken = {trace: spans for trace, spans in story.traces.items() if len({span.span_id for span in spans}) != 2}
    assert broken == {}


def test_few_spans_arrive_twice(story: Story) -> None:
    """What was on its way when the agent was killed may be sent again, and hardly anything else is."""
    assert story.copies < 0.1 * len(story.sent) * len(SPANS)


def test_the_service_does_not_notice(story: Story) -> None:
    """With the gateways away requests take as long as before, and the service ends within its deadline."""
    assert story.seconds_outage < 3 * story.seconds_healthy
    assert story.service_stop < 6


def test_the_service_says_who_it_is(story: Story) -> None:
    """What the environment says of the service arrives, and the agent adds its machine."""
    about = {dict(span.resource)["deployment.environment.name"] for spans in story.traces.values() for span in spans}
    assert about == {"production"}
    assert all("host.name" in dict(span.resource) for spans in story.traces.values() for span in spans)


@pytest.mark.parametrize("storage", ["as shipped", "in memory"])
def test_the_queue_on_disk_is_what_keeps(storage: str, binary: Path, configurations: Path, tmp_path: Path) -> None:
    """An agent that is killed while no gateway is there loses nothing; it loses all where its queue is in memory."""
    shutil.copytree(configurations, tmp_path / "collector")
    agent = tmp_path / "collector" / "agent.yaml"
    if storage == "in memory":
        text = agent.read_text()
        assert text.count("storage: file_storage\n") == 1
        agent.write_text(text.replace("storage: file_storage\n", "enabled: true\n"))
    (tmp_path / "run").mkdir()
    ids = [os.urandom(16) for _ in range(100)]
    with Pipeline(binary, agent.parent, tmp_path / "run", **KEEP_ALL) as pipeline:
        for gateway in pipeline.gateways:
            gateway.stop()
        with Sender(f"127.0.0.1:{pipeline.grpc}") as sender:
            for trace in ids:
                root = span(trace)
                sender.send(request([root, span(trace, root.span_id)]))
        pipeline.agent.kill()
        for collector in (pipeline.agent, *pipeline.gateways):
            collector.start()
        wait(pipeline, {trace.hex() for trace in ids}, 30 if storage == "as shipped" else 8)
        arrived = pipeline.traces()
    assert arrived.keys() == ({trace.hex() for trace in ids} if storage == "as shipped" else set())


@pytest.fixture(scope="module")
def sampled(binary: Path, configurations: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Run a pipeline that keeps nothing but errors and slow traces."""
    variables = {"KEEP_PERCENT": "0", "DECISION_WAIT": "3s"}
    with Pipeline(binary, configurations, tmp_path_factory.mktemp("sampled"), **variables) as pipeline:
        yield pipeline


def test_tail_sampling_keeps_every_error(sampled: Pipeline) -> None:
    """Of 1,000 traces, whose spans come in at both gateways, 100 errors and 100 slow ones stay, whole, and no other."""
    ids = [os.urandom(16) for _ in range(1000)]
    errors, slow = set(ids[:100]), set(ids[100:200])
    entrances: list[list[bytes]] = [[], []]
    for trace in ids:
        root = span(trace, seconds=1.5 if trace in slow else 0.005)
        child = span(trace, root.span_id, error=trace in errors)
        for one, entrance in zip((root, child), random.sample(entrances, 2), strict=True):
            entrance.append(request([one]))
    for address, payloads in zip(sampled.fronts, entrances, strict=True):
        with Sender(address, sampled.ca, sampled.token) as sender:
            for payload in payloads:
                sender.send(payload)
    kept = {trace.hex() for trace in errors | slow}
    wait(sampled, kept, 30)
    time.sleep(2)  # for what must not come
    traces = sampled.traces()
    assert traces.keys() == kept
    assert {(len(spans), len({span.gateway for span in spans})) for spans in traces.values()} == {(2, 1)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_protocols_are_taken(protocol: str, sampled: Pipeline, projects: Projects) -> None:
    """The agent takes what services of either protocol send; the metrics of both come out of a gateway."""
    port = {"grpc": sampled.grpc, "http": sampled.http}[protocol]
    variables = telemetry("fastapi", protocol, "systemd", "production", "systemd")
    variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
    before = sampled.agent.scrape().get("otelcol_receiver_accepted_spans", 0)
    with Service(projects(protocol), **variables) as service:
        assert [service.post(4999) for _ in range(5)] == [201] * 5
        service.stop()
    assert sampled.agent.scrape()["otelcol_receiver_accepted_spans"] - before == 10
    sent = "otelcol_exporter_sent_metric_points"
    assert wait_until(lambda: sampled.agent.scrape().get(sent, 0), sent, 20, pause=0.2) > 0
