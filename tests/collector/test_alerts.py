"""Each alert fires on its fault and not before, says what to do, and asks for metrics that there really are."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service
from ..harness.waiting import wait_until
from ..rendered.tools import judge
from .processes import Pipeline
from .spans import Sender, request, span

TESTS = Path(__file__).with_name("alerts_test.yaml")


@pytest.fixture
def shipped(pipelines: Callable[..., Path]) -> str:
    """Return the text of the shipped rules."""
    return (pipelines() / "alerts.yaml").read_text()


@pytest.fixture
def rules(shipped: str) -> list[dict[str, Any]]:
    """Return the shipped rules."""
    groups = yaml.safe_load(shipped)["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture
def folder(shipped: str, rules: list[dict[str, Any]], tmp_path: Path) -> Path:
    """Return a folder with the rules and their tests, which get the rules' own words to expect."""
    (tmp_path / "alerts.yaml").write_text(shipped)
    words = {rule["alert"]: rule["annotations"] for rule in rules}
    tests = yaml.safe_load(TESTS.read_text())
    for expected in (item for test in tests["tests"] for item in test["alert_rule_test"]):
        for alert in expected.get("exp_alerts", ()):
            alert["exp_annotations"] = words[expected["alertname"]]
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    return tmp_path


def test_the_rules_are_valid(folder: Path, rules: list[dict[str, Any]]) -> None:
    """promtool takes every rule."""
    done = judge(folder, "promtool check rules alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout + done.stderr


def test_each_alert_fires_on_its_fault(folder: Path) -> None:
    """promtool's unit tests pass: healthy series raise no alert, a fault raises its own."""
    done = judge(folder, "promtool test rules test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_without_a_test(rules: list[dict[str, Any]]) -> None:
    """Each alert is expected at least once, is expected to be absent while all is well, and just before its fault."""
    names = {rule["alert"] for rule in rules}
    assert len(names) == len(rules)
    tests = yaml.safe_load(TESTS.read_text())["tests"]
    expected = [(item["alertname"], bool(item.get("exp_alerts"))) for test in tests for item in test["alert_rule_test"]]
    fires, silent = (Counter(name for name, fired in expected if fired is is_fired) for is_fired in (True, False))
    assert fires.keys() == silent.keys() == names
    assert min(silent.values()) >= 2
    assert {item["alertname"] for item in tests[0]["alert_rule_test"]} == names


def test_each_alert_says_what_to_do(rules: list[dict[str, Any]]) -> None:
    """A sentence on what it means, one on what to do, and how bad it is."""
    for rule in rules:
        assert rule["annotations"].keys() == {"summary", "todo"}
        assert all(text.endswith(".") for text in rule["annotations"].values())
        assert rule["labels"]["severity"] in {"critical", "warning"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("> 0.8", "> 0.95"),
        ('error_type!=""', 'error_type=""'),
        ("[10m]", "[2h]"),
        ('success="false"', 'success="true"'),
        ('{exporter!="load_balancing"}', ""),
    ],
)
def test_a_wrong_rule_fails(old: str, new: str, folder: Path) -> None:
    """A limit, a label or a window that is changed fails the unit tests."""
    text = (folder / "alerts.yaml").read_text()
    assert old in text
    (folder / "alerts.yaml").write_text(text.replace(old, new))
    assert judge(folder, "promtool test rules test.yaml").returncode != 0


def test_a_mistake_is_found(folder: Path) -> None:
    """A rule that is no PromQL does not pass."""
    text = (folder / "alerts.yaml").read_text()
    (folder / "alerts.yaml").write_text(text.replace("sum by (job)", "sum by job"))
    assert judge(folder, "promtool check rules alerts.yaml").returncode != 0


def asked(rules: list[dict[str, Any]], prefix: str) -> set[str]:
    """Return the names of metrics that the rules ask for."""
    return {name for rule in rules for name in re.findall(rf"\b{prefix}\w+", rule["expr"])}


@pytest.mark.slow
def test_the_collector_has_these_metrics(
    rules: list[dict[str, Any]], binary: Path, configurations: Path, tmp_path: Path
) -> None:
    """What the rules ask of the Collector it serves, with the labels that they name; rare names are in its program.

    Counters appear with their first event: a gateway whose peer is away makes two of them, and the log and metric
    variants are held to be spelt like those for spans.
    """
    wanted = asked(rules, "otelcol_")
    rare = {n for n in wanted if re.search(r"_(metric_points|log_records)$|enqueue_failed|send_failed", n)}
    assert wanted > rare
    with Pipeline(binary, configurations, tmp_path, DECISION_WAIT="1s") as pipeline:
        pipeline.gateways[1].kill()
        with Sender(f"127.0.0.1:{pipeline.grpc}") as sender:
            for _ in range(20):
                sender.send(request([span(bytes([7]) * 15 + bytes([number])) for number in range(64)]))
        served = wait_for(pipeline, (wanted - rare) | {"otelcol_exporter_send_failed_spans"})
        text = "".join(collector.exposition() for collector in (pipeline.agent, pipeline.gateways[0]))
    program = binary.read_bytes()
    assert wanted - rare <= served
    assert "otelcol_exporter_send_failed_spans" in served
    assert {name for name in rare if name.encode() not in program} == set()
    for label in (
        'exporter="load_balancing"',
        'success="false"',
        'endpoint="',
        'receiver="otlp"',
        'data_type="traces"',
    ):
        assert label in text


def wait_for(pipeline: Pipeline, names: set[str]) -> set[str]:
    """Return the metrics that agent and first gateway serve, once these are there; wait for at most 30 s."""

    def served() -> set[str]:
        return pipeline.agent.scrape().keys() | pipeline.gateways[0].scrape().keys()

    with suppress(TimeoutError):
        wait_until(lambda: names <= served(), "the metrics", 30, pause=0.5)
    return served()


@pytest.mark.slow
def test_the_service_has_these_metrics(rules: list[dict[str, Any]], projects: Projects) -> None:
    """What the rules ask of the service it sends, translated as Prometheus does; with the labels that they name."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with Service(projects("grpc"), **variables) as service:
            assert service.post(4999) == 201
            service.stop()
        points = receiver.metrics
    sent: dict[str, set[str]] = {}
    for point in points:
        suffix = "_total" if point.monotonic else ""
        labels = {name.replace(".", "_") for name in point.attributes}
        sent.setdefault(point.name.replace(".", "_") + suffix, set()).update(labels)
    assert asked(rules, "otel_sdk_") <= sent.keys()
    assert "otel_span_sampling_result" in sent["otel_sdk_span_started_total"]
