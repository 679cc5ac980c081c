"""All that a service sends, against the semantic conventions of the release that its own environment holds.

The conventions are read from the installed package's source, because its docstrings are where it says what is
deprecated, and which instrument and unit a metric has. Types it does not say: INTEGERS does.
"""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.certificates import Authority
from ..harness.receiver import Attributes, Log, Point, Receiver, Span
from ..harness.records import latest
from ..harness.redis import Redis
from ..harness.service import Service, uv
from ..harness.waiting import wait_until
from .environment.runs import PACKAGE, Run, execute

pytestmark = pytest.mark.slow

# Names that the conventions do not know, and why they are sent.
OWN_ATTRIBUTES = {
    "payment.amount_cents": "the service's own",
}
EVENTS = {
    "exception": "the name that the conventions give an exception on a span",
}
# Where the SDK itself differs from the conventions that it ships with.
SLIPS = {"otel.sdk.processor.log.queue.size: unit {log}, not {log_record}"}

INTEGERS = {
    "client.port",
    "http.response.status_code",
    "network.peer.port",
    "payment.amount_cents",
    "server.port",
}
REQUIRED = {
    "SERVER": {"http.request.method", "url.path", "url.scheme"},
    "CLIENT": {"http.request.method", "server.address", "server.port", "url.full"},
    "CONSUMER": {"messaging.operation.name", "messaging.operation.type", "messaging.system"},
    "PRODUCER": {
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.system",
        "messaging.destination.name",
    },
}
REQUIRED_OF_METRICS = {
    "http.server.request.duration": {"http.request.method", "url.scheme"},
    "http.server.active_requests": {"http.request.method", "url.scheme"},
    "http.client.request.duration": {"http.request.method", "server.address", "server.port"},
}
RESOURCE = {
    "deployment.environment.name",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
}
# As the receiver shows an instrument: the kind of its points, and whether a sum only grows.
INSTRUMENTS = {
    "counter": ("sum", True),
    "updowncounter": ("sum", False),
    "histogram": ("histogram", False),
    "gauge": ("gauge", False),
}
PREDEFINED_ONLY = {"http.request.method", "otel.span.parent.origin", "otel.span.sampling_result"}


@dataclass
class Registry:
    """The conventions: names in use, names that are no more, what an enumeration holds, metrics with their form."""

    attributes: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)
    deprecated: set[str] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    metrics: dict[str, tuple[str, str]] = field(default_factory=dict)

    def knows(self, attribute: str) -> bool:
        """Tell whether this is an attribute in use, as it stands or by a template."""
        in_template = any(attribute.startswith(f"{template}.") for template in self.templates)
        return attribute in self.attributes or in_template


def documented(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the value and the docstring of every constant that is a string."""
    for statement, following in pairwise(body):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(value))):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                pass
            case _:
                continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(words))):
                yield name, value, words.strip()


def is_deprecated(words: str) -> bool:
    """Tell whether a docstring says so; a name that became stable is only documented elsewhere."""
    return words.startswith("Deprecated") and not words.startswith("Deprecated in favor of stable")


def read_registry(semconv: Path) -> Registry:
    """Return what the package in this folder says, stable and incubating."""
    registry = Registry()
    for path in sorted(semconv.glob("**/*_attributes.py")):
        tree = ast.parse(path.read_text())
        enumerations = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
        for name, attribute, words in documented(tree.body):
            if is_deprecated(words):
                registry.deprecated.add(attribute)
            elif name.endswith("_TEMPLATE"):
                registry.templates.add(attribute)
            else:
                registry.attributes.add(attribute)
            members = enumerations.get(name.title().replace("_", "") + "Values", [])
            for _, member, about in documented([*members]):
                if not is_deprecated(about):
                    registry.members.setdefault(attribute, set()).add(member)
    for path in sorted(semconv.glob("**/*_metrics.py")):
        for _, metric, words in documented(ast.parse(path.read_text()).body):
            form = re.search(r"^Instrument: (\w+)\nUnit: (\S+)", words, re.MULTILINE)
            if form and not is_deprecated(words):
                registry.metrics[metric] = form[1], form[2]
    return registry


@dataclass(frozen=True)
class Sent:
    """What arrived, without what the probe made to its own liking."""

    spans: list[Span]
    metrics: list[Point]
    logs: list[Log]

    @property
    def items(self) -> list[Span | Point | Log]:
        """Everything in one list."""
        return [*self.spans, *self.metrics, *self.logs]


@pytest.fixture(scope="module")
def registry(projects: Projects) -> Registry:
    """Return the conventions that the default service is installed with."""
    (semconv,) = (projects("grpc") / ".venv/lib").glob("python*/site-packages/opentelemetry/semconv")
    return read_registry(semconv)


def ask(service: Service, method: str, path: str, amount: int | None = None) -> int:
    """Send one request and return the status, whatever the body of the answer is."""
    with closing(service.connect()) as connection:
        body = None if amount is None else json.dumps({"amount_cents": amount})
        connection.request(method, path, body, {"content-type": "application/json"})
        return connection.getresponse().status


# The service as it is, but for an id generator that is broken.
BROKEN = f"""
import {PACKAGE}.__main__, {PACKAGE}.transactions
def uuid4():
    raise RuntimeError("ledger closed")
{PACKAGE}.transactions.uuid4 = uuid4
{PACKAGE}.__main__.main()
"""


@pytest.fixture(scope="module")
def sent_by_flask(projects: Projects) -> Sent:
    """Return what a Flask service sends for requests of every kind."""
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp"}
        with Service(projects("grpc", "flask"), **variables) as service:
            statuses = [
                ask(service, "POST", "/transactions?card=4111", 4999),
                ask(service, "POST", "/transactions", -1),
                ask(service, "GET", "/nowhere?x=1"),
                ask(service, "PUT", "/transactions"),
                ask(service, "BREW", "/transactions"),
                ask(service, "HEAD", "/healthz"),
            ]
            service.stop()
        with Service(projects("grpc", "flask"), "python", "-c", BROKEN, **variables) as service:
            statuses.append(ask(service, "POST", "/transactions", 4999))
            service.stop()
    assert statuses == [201, 422, 404, 405, 405, 200, 500]
    return Sent(receiver.spans, receiver.metrics, receiver.logs)


def sent_through_the_queue(project: Path, spans: int, *amounts: str) -> Sent:
    """Return what a sender and a worker send for these amounts."""
    with Receiver("grpc") as receiver, Redis() as redis:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp"}
        variables["REDIS_URL"] = redis.url
        for amount in amounts:
            assert uv(project, "run", "--no-sync", project.name, "send", amount, **variables).returncode == 0
        with Service(project, ready=None, **variables) as service:
            wait_until(lambda: len(receiver.spans) >= spans * len(amounts), "the spans of each amount")
            service.stop()
    return Sent(receiver.spans, receiver.metrics, receiver.logs)


def test_flask_follows_the_conventions(sent_by_flask: Sent, registry: Registry) -> None:
    """Everything that a Flask service sends is the conventions', and its spans have these names and no others."""
    assert faults(sent_by_flask, registry) == SLIPS
    servers = [span for span in sent_by_flask.spans if span.kind == "SERVER"]
    assert sorted(span.name for span in servers) == ["GET", "HTTP", *["POST /transactions"] * 3, "PUT"]
    (failed,) = [span for span in servers if span.attributes["http.response.status_code"] == 500]
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "500")
    assert {span.status for span in servers if span is not failed} == {"UNSET"}
    assert "card=REDACTED" in {span.attributes.get("url.query") for span in servers}
    assert sum(point.count for point in latest(sent_by_flask.metrics, "http.server.request.duration")) == 6


@pytest.mark.parametrize(
    ("framework", "names"),
    [
        ("celery", ["process_transaction", "run process_transaction", "send", "send process_transaction"]),
        ("worker", ["process transactions", "process_transaction", "send transactions"]),
    ],
)
def test_queues_follow_the_conventions(
    framework: str, names: list[str], projects: Projects, registry: Registry
) -> None:
    """Everything that crosses a queue, well or not, is the conventions', and its spans have these names and no others."""
    project = projects("grpc", framework)
    sent = sent_through_the_queue(project, len(names), "4999", "-1")
    assert faults(sent, registry) == SLIPS
    assert sorted(span.name for span in sent.spans) == sorted(names * 2)


@pytest.fixture(scope="module")
def sent(projects: Projects, authority: Authority) -> Sent:
    """Return what a service sends for requests of every kind, with an httpx client's part from the probe."""
    project = projects("grpc")
    with Receiver("grpc") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_LOGS_EXPORTER": "otlp"}
        with Service(project, **variables) as service:
            statuses = [
                ask(service, "POST", "/transactions?card=4111", 4999),
                ask(service, "POST", "/transactions", -1),
                ask(service, "GET", "/nowhere?x=1"),
                ask(service, "PUT", "/transactions"),
            ]
            service.stop()
        with Service(project, "python", "-c", BROKEN, **variables) as service:
            statuses.append(ask(service, "POST", "/transactions", 4999))
            service.stop()
    assert statuses == [201, 422, 404, 405, 500]
    probed = execute(Run("grpc", (("OTEL_LOGS_EXPORTER", "otlp"),)), project, authority).receiver
    assert len(receiver.logs) >= 3
    return Sent(
        receiver.spans + [span for span in probed.spans if span.scope != "probe"],
        receiver.metrics + [point for point in probed.metrics if point.scope != "probe"],
        receiver.logs + [log for log in probed.logs if log.scope != "probe"],
    )


def attribute_sets(sent: Sent) -> Iterator[Attributes]:
    """Yield the attributes of everything, resources and events included."""
    for item in sent.items:
        yield item.attributes
        yield item.resource
    for span in sent.spans:
        yield from (attributes for _, attributes in span.events)


def faults(sent: Sent, registry: Registry) -> set[str]:
    """Return a sentence for each name, type, member, unit and instrument that the conventions would not have."""
    found = set()
    for attributes in attribute_sets(sent):
        for name, value in attributes.items():
            if name in registry.deprecated - registry.attributes:
                found.add(f"{name}: deprecated")
            elif not registry.knows(name) and name not in OWN_ATTRIBUTES:
                found.add(f"{name}: unknown")
            if type(value) is not (int if name in INTEGERS else str):
                found.add(f"{name}: {type(value).__name__}")
            if name in PREDEFINED_ONLY and value not in registry.members[name]:
                found.add(f"{name}: no member {value}")
    for point in sent.metrics:
        instrument, unit = registry.metrics.get(point.name, ("", ""))
        if not instrument:
            found.add(f"{point.name}: unknown")
        elif point.unit != unit:
            found.add(f"{point.name}: unit {point.unit}, not {unit}")
        elif (point.kind, point.monotonic) != INSTRUMENTS[instrument]:
            found.add(f"{point.name}: {point.kind}, not {instrument}")
        for missing in REQUIRED_OF_METRICS.get(point.name, set()) - point.attributes.keys():
            found.add(f"{point.name}: without {missing}")
    for span in sent.spans:
        for missing in REQUIRED.get(span.kind, set()) - span.attributes.keys():
            found.add(f"{span.kind} span: without {missing}")
    names = {name for span in sent.spans for name, _ in span.events} | {log.event_name for log in sent.logs} - {""}
    return found | {f"{name}: unknown event" for name in names - EVENTS.keys()}


def test_what_is_sent_is_worth_looking_at(sent: Sent) -> None:
    """Every kind of span, a metric of each instrument, plain log records and events are among what is judged."""
    assert {span.kind for span in sent.spans} == {"SERVER", "CLIENT", "INTERNAL"}
    statuses = {span.attributes["http.response.status_code"] for span in sent.spans if span.kind == "SERVER"}
    assert statuses == {201, 404, 405, 422, 500}
    assert {"http.client.request.duration", "http.server.request.duration"} < {point.name for point in sent.metrics}
    assert {(point.kind, point.monotonic) for point in sent.metrics} == {
        ("sum", True),
        ("sum", False),
        ("histogram", False),
    }
    assert "url.query" in {name for span in sent.spans for name in span.attributes}
    assert {log.event_name for log in sent.logs} | {"exception"} == {"", *EVENTS}
    assert "exception" in {name for span in sent.spans for name, _ in span.events}


def test_everything_follows_the_conventions(sent: Sent, registry: Registry) -> None:
    """Names, types, members, units, instruments and required attributes are the conventions', but for listed slips."""
    assert faults(sent, registry) == SLIPS


def test_the_resource_says_who_and_nothing_else(sent: Sent) -> None:
    """Each resource has exactly these attributes, none empty, and each process an id of its own."""
    resources = [item.resource for item in sent.items]
    assert {frozenset(resource) for resource in resources} == {frozenset(RESOURCE)}
    assert all(all(resource.values()) for resource in resources)
    assert len({resource["service.instance.id"] for resource in resources}) == 3


def test_each_exception_to_the_conventions_is_needed(sent: Sent, registry: Registry) -> None:
    """What is listed as our own is sent, and the conventions do not know it."""
    names = {name for attributes in attribute_sets(sent) for name in attributes}
    assert OWN_ATTRIBUTES.keys() <= names
    assert not [name for name in OWN_ATTRIBUTES if registry.knows(name)]
    assert INTEGERS <= names | {"client.port"}  # Flask's


def test_the_registry_is_read_right(registry: Registry) -> None:
    """Well-known entries of each sort are found, so that an empty registry could not pass for one."""
    assert {"http.request.method", "url.full", "service.namespace", "otel.component.name"} < registry.attributes
    assert "http.request.header" in registry.templates
    assert {"http.method", "http.status_code", "deployment.environment", "net.peer.name"} < registry.deprecated
    assert not {"http.method", "deployment.environment"} & registry.attributes
    assert {"GET", "POST", "_OTHER"} < registry.members["http.request.method"]
    assert registry.metrics["http.server.request.duration"] == ("histogram", "s")
    assert registry.metrics["otel.sdk.processor.span.queue.capacity"] == ("updowncounter", "{span}")
    assert "otel.sdk.span.ended" not in registry.metrics


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("http.method", "POST", "http.method: deprecated"),
        ("http.request.metod", "POST", "http.request.metod: unknown"),
        ("server.port", "8000", "server.port: str"),
        ("url.path", 1, "url.path: int"),
        ("http.request.method", "post", "http.request.method: no member post"),
    ],
)
def test_a_wrong_attribute_is_found(sent: Sent, registry: Registry, name: str, value: object, fault: str) -> None:
    """A name or value that the conventions do not have is a fault, on a span, its event, a metric or a log record."""
    span, point, log = sent.spans[0], sent.metrics[0], sent.logs[0]
    wrong = {name: value}
    for spoilt in (
        replace(sent, spans=[replace(span, attributes=wrong)]),
        replace(sent, spans=[replace(span, events=[("exception", wrong)])]),
        replace(sent, spans=[replace(span, resource=wrong)]),
        replace(sent, metrics=[replace(point, attributes=wrong)]),
        replace(sent, logs=[replace(log, attributes=wrong)]),
    ):
        assert fault in faults(spoilt, registry)


def test_a_wrong_metric_or_event_is_found(sent: Sent, registry: Registry) -> None:
    """Another name, unit or instrument, and an attribute that is missing, are faults."""
    point = next(point for point in sent.metrics if point.name == "http.server.request.duration")
    server = next(span for span in sent.spans if span.kind == "SERVER")
    wrong = Sent(
        [replace(server, attributes={}), replace(server, kind="CLIENT", attributes={}, events=[("oops", {})])],
        [
            replace(point, name="http.server.duration"),
            replace(point, unit="ms"),
            replace(point, kind="gauge"),
            replace(point, attributes={}),
        ],
        [],
    )
    assert faults(wrong, registry) >= {
        "http.server.duration: unknown",
        "http.server.request.duration: unit ms, not s",
        "http.server.request.duration: gauge, not histogram",
        "http.server.request.duration: without url.scheme",
        "SERVER span: without url.path",
        "CLIENT span: without url.full",
        "oops: unknown event",
    }
