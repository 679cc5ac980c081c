"""The standard variables against the code: the environment wins, and a bad value is told and survived.

Each row of TABLE runs the probe twice, with the row's variables and without them, and looks at a real receiver for what
changed. The runs go on in the background, a few at a time; rows that need the same run share it.
"""

import json
import os
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, cast

import pytest

from ..conftest import Projects
from ..harness.certificates import Authority
from ..harness.receiver import Fault, Receiver, Signal
from ..harness.service import clean_environment
from . import probe

pytestmark = pytest.mark.slow

Protocol = Literal["grpc", "http"]
Server = Literal["plain", "slow", "tls", "mutual"]

PACKAGE = "payment_service"
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
SLOW_SECONDS = 1.0  # after which a slow receiver answers
AT_ONCE = 4  # processes, which mostly wait
SIGNING = threading.Lock()  # an Authority numbers its files, and is not made for threads


@dataclass(frozen=True)
class Run:
    """What decides over one run of the probe; `{...}` in a value stands for what run() knows."""

    protocol: Protocol
    variables: tuple[tuple[str, str], ...]
    server: Server = "plain"
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the receivers, stopped, the bytes that went over the wire, and what the probe printed."""

    run: Run
    status: int
    output: str
    receiver: Receiver
    other: Receiver
    wire: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What only the process itself could know."""
        line = next(line for line in self.output.splitlines() if line.startswith(probe.MARK))
        return dict(json.loads(line.removeprefix(probe.MARK)))

    @property
    def errors(self) -> list[str]:
        """The log lines of level ERROR."""
        return [line for line in self.output.splitlines() if " ERROR " in line]


class Relay(socketserver.ThreadingTCPServer):
    """Hands TCP connections on to a port of this machine and keeps what the clients sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Relayed)
        self.target = port
        self.sent: list[bytes] = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; connections end with the processes that opened them."""
        self.shutdown()
        self.server_close()
        self.thread.join(5)


class _Relayed(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target), 5) as there:
            back = threading.Thread(target=copy, args=(there, self.request, []), daemon=True)
            back.start()
            copy(self.request, there, self.server.sent)
            back.join(5)


def copy(source: socket.socket, target: socket.socket, kept: list[bytes]) -> None:
    """Copy bytes until an end closes, which closes the other."""
    source.settimeout(60)
    with suppress(OSError):
        while data := source.recv(1 << 16):
            kept.append(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def execute(run: Run, project: Path, authority: Authority) -> Outcome:
    """Run the probe in a process of its own; at most 60 s."""
    tls = authority if run.server in ("tls", "mutual") else None
    with ExitStack() as stack:
        with SIGNING:
            receiver = Receiver(run.protocol, tls=tls, mutual=run.server == "mutual")
            client, stranger = authority.client(), authority.server()
        stack.enter_context(receiver)
        other = stack.enter_context(Receiver(run.protocol))
        if run.server == "slow":
            receiver.fault = Fault.delay(SLOW_SECONDS)
        relay = stack.enter_context(Relay(receiver.port))
        known = {
            "endpoint": receiver.endpoint if tls else f"http://127.0.0.1:{relay.server_address[1]}",
            "address": f"127.0.0.1:{relay.server_address[1]}",
            "other": other.endpoint,
            "ca": authority.ca,
            "stranger": stranger.certificate,
            "certificate": client.certificate,
            "key": client.key,
            "protocol": {"grpc": "grpc", "http": "http/protobuf"}[run.protocol],
        }
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "{endpoint}"} | dict(run.variables)
        done = subprocess.run(
            [project / ".venv/bin/python", probe.__file__, PACKAGE, str(run.seconds)],
            cwd=project,
            env=clean_environment() | {name: value.format_map(known) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(run, done.returncode, done.stdout, receiver, other, b"".join(relay.sent))


class Runs:
    """Starts runs ahead of the tests that ask for them, AT_ONCE at a time, and each of them once."""

    def __init__(self, pool: ThreadPoolExecutor, projects: Projects, authority: Authority) -> None:
        """Start nothing yet."""
        self._pool = pool
        self._projects = projects
        self._authority = authority
        self._futures: dict[Run, Future[Outcome]] = {}

    def begin(self, runs: Iterable[Run]) -> None:
        """Queue what has not been queued yet."""
        for run in runs:
            if run not in self._futures:
                project = self._projects(run.protocol)
                self._futures[run] = self._pool.submit(execute, run, project, self._authority)

    def __call__(self, run: Run) -> Outcome:
        """Return the outcome of a run, and wait for it if it goes on still."""
        self.begin([run])
        return self._futures[run].result(timeout=300)


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, projects: Projects, authority: Authority) -> Iterator[Runs]:
    """Return the function from runs to outcomes; what the selected tests of this module need is under way already."""
    pool = ThreadPoolExecutor(AT_ONCE)
    runs = Runs(pool, projects, authority)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # where each process is selected for everything and runs a part
        for item in request.session.items:
            if item.path == Path(__file__) and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
                runs.begin(cast("Iterable[Run]", item.callspec.params.get("needs", ())))
    yield runs
    pool.shutdown(cancel_futures=True)


# What can be seen of a variable.

Observation = Callable[[Outcome], object]


def resource(*names: str) -> Observation:
    """Return the values of these resource attributes."""
    return lambda outcome: [outcome.receiver.metrics[0].resource.get(name) for name in names]


def arrived(outcome: Outcome) -> list[Signal]:
    """Return the signals of which something was received."""
    return [signal for signal in SIGNALS if outcome.receiver.count(signal)]


def arrived_elsewhere(outcome: Outcome) -> list[Signal]:
    """Return the signals of which the other receiver got something."""
    return [signal for signal in SIGNALS if outcome.other.count(signal)]


def arrived_in_time(outcome: Outcome) -> list[Signal]:
    """Return the signals of which something was received before shutdown() was called."""
    early = {r.signal for r in outcome.receiver.requests if r.received_at < outcome.seen["stopping_at"]}
    return [signal for signal in SIGNALS if signal in early]


def printed(outcome: Outcome) -> list[Signal]:
    """Return the signals of which the console exporters printed something."""
    marks = {"traces": '"parent_id"', "metrics": '"resource_metrics"', "logs": '"severity_number"'}
    return [signal for signal in SIGNALS if marks[signal] in outcome.output]


def sent_and_printed(outcome: Outcome) -> tuple[list[Signal], list[Signal]]:
    """Return what was received and what was printed."""
    return arrived(outcome), printed(outcome)


def span_names(outcome: Outcome) -> list[str]:
    """Return the names of the spans received."""
    return sorted(span.name for span in outcome.receiver.spans)


def largest_request(signal: Signal) -> Observation:
    """Return how many items the largest request of a signal held."""
    return lambda outcome: max(r.items for r in outcome.receiver.requests if r.signal == signal)


def metric(name: str) -> Observation:
    """Return the value, the kind and the temporality of a metric that has one point."""
    return lambda outcome: next((p.value, p.kind, p.temporality) for p in outcome.receiver.metrics if p.name == name)


def kind_and_temporality(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Return how the probe's counter and histogram were sent."""
    points = [p for p in outcome.receiver.metrics if p.name in ("probe.orders", "probe.duration")]
    return {p.name: (p.kind, p.temporality) for p in points}


def spans_counted(outcome: Outcome) -> float:
    """Return how many spans OpenTelemetry counted when they started."""
    return sum(p.value for p in outcome.receiver.metrics if p.name == "otel.sdk.span.started")


def exemplars(outcome: Outcome) -> list[int]:
    """Return how many exemplars each of the probe's points has; only the console shows them."""
    start = outcome.output.index('{"resource_metrics"' if '{"resource_metrics"' in outcome.output else "{\n")
    data, _ = json.JSONDecoder().raw_decode(outcome.output, start)
    scopes = [scope for resource in data["resource_metrics"] for scope in resource["scope_metrics"]]
    metrics = [metric for scope in scopes if scope["scope"]["name"] == "probe" for metric in scope["metrics"]]
    return [
        len(p["exemplars"])
        for m in metrics
        if m["name"] in ("probe.orders", "probe.duration")
        for p in m["data"]["data_points"]
    ]


def sizes(outcome: Outcome) -> dict[str, int]:
    """Return how many attributes, events and links were kept, and how long the longest value of each is."""
    order = next(span for span in outcome.receiver.spans if span.name == "order")
    log = next(log for log in outcome.receiver.logs if log.body == "ordered")
    held = {"span": order.attributes, "event": order.events[-1][1] if order.events else {}, "log": log.attributes}
    found = {"events": len(order.events), "links": len(order.links), "link attributes": outcome.seen["link_attributes"]}
    for name, attributes in held.items():
        found[f"{name} attributes"] = len(attributes)
        found[f"{name} length"] = max((len(value) for value in attributes.values()), default=0)
    return found


def size(*names: str) -> Observation:
    """Return some of sizes()."""
    return lambda outcome: [sizes(outcome)[name] for name in names]


def seen(name: str) -> Observation:
    """Return what the probe saw under this name."""
    return lambda outcome: outcome.seen[name]


def said(words: str) -> Observation:
    """Tell whether the probe printed these words."""
    return lambda outcome: words in outcome.output


def method_names(outcome: Outcome) -> list[str]:
    """Return under which names httpx's span holds the request's method."""
    return sorted({"http.method", "http.request.method"} & outcome.receiver.spans[-1].attributes.keys())


def header(name: str) -> Observation:
    """Return the header of this name that each signal's requests have."""
    return lambda outcome: {r.signal: r.headers.get(name) for r in outcome.receiver.requests}


def compression(outcome: Outcome) -> dict[str, str]:
    """Return how each signal was compressed; over gRPC, which does not tell, "gzip" is what cannot be read."""
    if outcome.run.protocol == "http":
        return {r.signal: r.encoding for r in outcome.receiver.requests}
    marks = {"traces": b"t", "metrics": b"m", "logs": b"l"}
    return {signal: "" if marks[signal] * 50 in outcome.wire else "gzip" for signal in arrived(outcome)}


def destination(outcome: Outcome) -> str:
    """Return where the span exporter sent to, from its own metric."""
    ports = set(
        re.findall(r'"otel.component.type": "otlp_\w+_span_exporter".*?"server.port": (\d+)', outcome.output, re.DOTALL)
    )
    default = {"grpc": "4317", "http": "4318"}[outcome.run.protocol]
    return "the default" if ports == {default} else "elsewhere" if default not in ports and ports else "nowhere"


def resource_has_process(outcome: Outcome) -> bool:
    """Tell whether the resource says which process it is."""
    return "process.pid" in outcome.receiver.metrics[0].resource


@dataclass(frozen=True)
class Row:
    """One claim: without `variables` the observation is `default`, with them it is `expected`; `beside` is in both."""

    variables: Mapping[str, str]
    observe: Observation
    default: object
    expected: object
    beside: Mapping[str, str] = field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ("http",)  # one is enough where no exporter reads the variable
    server: Server = "plain"
    seconds: float = 0.0

    def run(self, protocol: Protocol, *parts: Mapping[str, str]) -> Run:
        """Return the run with these variables."""
        merged = {name: value for part in parts for name, value in part.items()}
        return Run(protocol, tuple(sorted(merged.items())), self.server, self.seconds)

    def runs(self, protocol: Protocol) -> tuple[Run, Run]:
        """Return the run with the code's defaults and the one with the environment's values."""
        return self.run(protocol, self.beside), self.run(protocol, self.beside, self.variables)


BOTH: tuple[Protocol, ...] = ("grpc", "http")
LOGS = {"OTEL_LOGS_EXPORTER": "otlp"}
ALL = ["traces", "metrics", "logs"]
OTLP = "OTEL_EXPORTER_OTLP"
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000"}  # shutdown sends all at once
SPANS = ["GET", "order", "payment"]


def each(suffix: str, value: str) -> dict[str, str]:
    """Return the variable of every signal; `{signal}` in the value is the signal's name."""
    return {f"{OTLP}_{signal.upper()}_{suffix}": value.replace("{signal}", signal) for signal in SIGNALS}


def same(value: object) -> dict[str, object]:
    """Return the value for every signal."""
    return dict.fromkeys(ALL, value)


TABLE = (
    # Who am I?
    Row({"OTEL_SERVICE_NAME": "shop"}, resource("service.name"), ["payment-service"], ["shop"]),
    Row(
        {
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,service.namespace=sales,service.version=9,"
            "deployment.environment.name=staging"
        },
        resource("service.name", "service.namespace", "service.version", "deployment.environment.name"),
        ["payment-service", "platform", "0.1.0", "development"],
        ["shop", "sales", "9", "staging"],
    ),
    Row(
        {"OTEL_SERVICE_NAME": "name"},
        resource("service.name"),
        ["attribute"],
        ["name"],
        beside={"OTEL_RESOURCE_ATTRIBUTES": "service.name=attribute"},
    ),
    Row({"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process"}, resource_has_process, False, True),
    # The switch.
    Row({"OTEL_TRACES_EXPORTER": "none"}, sent_and_printed, (["traces", "metrics"], []), (["metrics"], [])),
    Row({"OTEL_TRACES_EXPORTER": "console"}, sent_and_printed, (["traces", "metrics"], []), (["metrics"], ["traces"])),
    Row(
        {"OTEL_TRACES_EXPORTER": "console,otlp"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["traces"]),
    ),
    Row({"OTEL_METRICS_EXPORTER": "none"}, sent_and_printed, (["traces", "metrics"], []), (["traces"], [])),
    Row({"OTEL_METRICS_EXPORTER": "console"}, sent_and_printed, (["traces", "metrics"], []), (["traces"], ["metrics"])),
    Row(
        {"OTEL_METRICS_EXPORTER": "otlp,console"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["metrics"]),
    ),
    Row({"OTEL_LOGS_EXPORTER": "otlp"}, sent_and_printed, (["traces", "metrics"], []), (ALL, [])),
    Row(
        {"OTEL_LOGS_EXPORTER": "console"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["logs"]),
    ),
    Row({"OTEL_LOGS_EXPORTER": "console,otlp"}, sent_and_printed, (["traces", "metrics"], []), (ALL, ["logs"])),
    Row({"OTEL_SDK_DISABLED": "true"}, arrived, ["traces", "metrics"], []),
    # Which spans?
    Row({"OTEL_TRACES_SAMPLER": "always_on"}, span_names, SPANS, ["GET", "continued", "order", "payment"]),
    Row({"OTEL_TRACES_SAMPLER": "always_off"}, span_names, SPANS, []),
    Row({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, span_names, SPANS, []),
    Row(
        {"OTEL_TRACES_SAMPLER_ARG": "0"},
        span_names,
        SPANS,
        [],
        beside={"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"},
    ),
    # How are they queued?
    Row({"OTEL_BSP_SCHEDULE_DELAY": "60000"}, arrived_in_time, ["traces"], [], seconds=2.5),
    Row({"OTEL_BLRP_SCHEDULE_DELAY": "60000"}, arrived_in_time, ALL[::2], ["traces"], beside=LOGS, seconds=2.5),
    Row({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}, largest_request("traces"), 3, 1, beside=LATE),
    Row({"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "1"}, largest_request("logs"), 2, 1, beside=LOGS | LATE),
    Row(
        {"OTEL_BSP_MAX_QUEUE_SIZE": "4096"},
        metric("otel.sdk.processor.span.queue.capacity"),
        (16384, "sum", "CUMULATIVE"),
        (4096, "sum", "CUMULATIVE"),
    ),
    Row(
        {"OTEL_BLRP_MAX_QUEUE_SIZE": "4096"},
        metric("otel.sdk.processor.log.queue.capacity"),
        (2048, "sum", "CUMULATIVE"),
        (4096, "sum", "CUMULATIVE"),
        beside=LOGS,
    ),
    # How large may they be?
    Row(
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "3"},
        size("span attributes", "event attributes", "link attributes", "log attributes"),
        [128, 128, 128, 128],
        [3, 3, 3, 3],
        beside=LOGS,
    ),
    Row(
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "event length", "log length"),
        [probe.LONG] * 3,
        [5, 5, 5],
        beside=LOGS,
    ),
    Row({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "3"}, size("span attributes", "events"), [128, 128], [3, 128], beside=LOGS),
    Row(
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "log length"),
        [probe.LONG, probe.LONG],
        [5, probe.LONG],
        beside=LOGS,
    ),
    Row({"OTEL_SPAN_EVENT_COUNT_LIMIT": "3"}, size("events", "links"), [128, 128], [3, 128], beside=LOGS),
    Row({"OTEL_SPAN_LINK_COUNT_LIMIT": "3"}, size("events", "links"), [128, 128], [128, 3], beside=LOGS),
    Row({"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "3"}, size("event attributes"), [128], [3], beside=LOGS),
    Row({"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "3"}, size("link attributes"), [128], [3], beside=LOGS),
    Row(
        {"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "3"},
        size("span attributes", "log attributes"),
        [128, 128],
        [128, 3],
        beside=LOGS,
    ),
    Row(
        {"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "log length"),
        [probe.LONG, probe.LONG],
        [probe.LONG, 5],
        beside=LOGS,
    ),
    # What is measured, and when?
    Row({"OTEL_METRIC_EXPORT_INTERVAL": "300"}, arrived_in_time, ["traces"], ["traces", "metrics"], seconds=2.5),
    Row(
        {"OTEL_METRIC_EXPORT_TIMEOUT": "1"},
        said("Metric collection timed out"),
        False,
        True,
        beside={"OTEL_METRIC_EXPORT_INTERVAL": "300"},
        seconds=1.0,
    ),
    Row(
        {f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE": "delta"},
        kind_and_temporality,
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("histogram", "CUMULATIVE")},
        {"probe.orders": ("sum", "DELTA"), "probe.duration": ("histogram", "DELTA")},
        protocols=BOTH,
    ),
    Row(
        {f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"},
        kind_and_temporality,
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("histogram", "CUMULATIVE")},
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("exponential_histogram", "CUMULATIVE")},
        protocols=BOTH,
    ),
    Row(
        {"OTEL_METRICS_EXEMPLAR_FILTER": "always_off"},
        exemplars,
        [1, 1],
        [0, 0],
        beside={"OTEL_METRICS_EXPORTER": "console"},
    ),
    Row({"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "false"}, spans_counted, 4, 0),
    # What goes on to others, and what is instrumented?
    Row({"OTEL_PROPAGATORS": "tracecontext"}, seen("propagated"), ["baggage", "traceparent"], ["traceparent"]),
    Row({"OTEL_PROPAGATORS": "none"}, seen("propagated"), ["baggage", "traceparent"], []),
    Row(
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"},
        method_names,
        ["http.request.method"],
        ["http.method", "http.request.method"],
        beside={"OTEL_TRACES_SAMPLER": "always_on"} | LATE,
    ),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx"}, span_names, SPANS, ["order", "payment"]),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, span_names, SPANS, ["order", "payment"]),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "threading"}, seen("thread_in_trace"), True, False),
    # Where to, and how?
    Row(
        {f"{OTLP}_ENDPOINT": "{endpoint}"},
        destination,
        "the default",
        "elsewhere",
        # Before the end, because then spans that find no collector leave no time for metrics.
        beside={
            f"{OTLP}_ENDPOINT": "",
            f"{OTLP}_TIMEOUT": "0.3",
            "OTEL_METRICS_EXPORTER": "console",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        },
        protocols=BOTH,
        seconds=2.0,
    ),
    Row(
        {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": "DATA_LOSS"},
        said("Transient error"),
        True,
        False,
        beside={f"{OTLP}_ENDPOINT": "http://127.0.0.1:1", f"{OTLP}_TIMEOUT": "3", "OTEL_BSP_SCHEDULE_DELAY": "100"},
        protocols=("grpc",),
        seconds=1.0,
    ),
    *(
        Row(
            {f"{OTLP}_{signal.upper()}_ENDPOINT": f"{{other}}/v1/{signal}"},
            lambda outcome: (arrived(outcome), arrived_elsewhere(outcome)),
            (ALL, []),
            ([other for other in ALL if other != signal], [signal]),
            beside=LOGS,
            protocols=BOTH,
        )
        for signal in SIGNALS
    ),
    Row({f"{OTLP}_HEADERS": "x-key=a%20b"}, header("x-key"), same(None), same("a b"), beside=LOGS, protocols=BOTH),
    Row(
        each("HEADERS", "x-key={signal}"),
        header("x-key"),
        same("general"),
        {"traces": "traces", "metrics": "metrics", "logs": "logs"},
        beside=LOGS | {f"{OTLP}_HEADERS": "x-key=general"},
        protocols=BOTH,
    ),
    Row({f"{OTLP}_COMPRESSION": "gzip"}, compression, same(""), same("gzip"), beside=LOGS, protocols=BOTH),
    Row({f"{OTLP}_COMPRESSION": "deflate"}, compression, same(""), same("deflate"), beside=LOGS),
    *(
        Row(
            {f"{OTLP}_{signal.upper()}_COMPRESSION": "none"},
            compression,
            same("gzip"),
            same("gzip") | {signal: ""},
            beside=LOGS | {f"{OTLP}_COMPRESSION": "gzip"},
            protocols=BOTH,
        )
        for signal in SIGNALS
    ),
    Row(
        each("COMPRESSION", "gzip"),
        compression,
        same(""),
        same("gzip"),
        beside=LOGS | {f"{OTLP}_COMPRESSION": "none"},
        protocols=BOTH,
    ),
    Row({f"{OTLP}_TIMEOUT": "0.2"}, arrived, ALL, [], beside=LOGS, protocols=BOTH, server="slow"),
    Row(
        each("TIMEOUT", "10"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "0.2"},
        protocols=BOTH,
        server="slow",
    ),
    # To whom, with whose papers?
    Row(
        {f"{OTLP}_CERTIFICATE": "{ca}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"},
        protocols=BOTH,
        server="tls",
    ),
    Row(
        {f"{OTLP}_CERTIFICATE": "{ca}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", "REQUESTS_CA_BUNDLE": "{stranger}"},  # which the HTTP library prefers
        server="tls",
    ),
    Row(
        each("CERTIFICATE", "{ca}"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"},
        protocols=BOTH,
        server="tls",
    ),
    Row(
        {f"{OTLP}_CLIENT_CERTIFICATE": "{certificate}", f"{OTLP}_CLIENT_KEY": "{key}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_CERTIFICATE": "{ca}"},
        protocols=BOTH,
        server="mutual",
    ),
    Row(
        each("CLIENT_CERTIFICATE", "{certificate}") | each("CLIENT_KEY", "{key}"),
        arrived,
        [],
        ALL,
        # Over gRPC a signal's own client certificate counts only beside its own authority.
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"} | each("CERTIFICATE", "{ca}"),
        protocols=BOTH,
        server="mutual",
    ),
    Row(
        {f"{OTLP}_INSECURE": "true"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_ENDPOINT": "{address}"},
        protocols=("grpc",),
    ),
    Row(
        each("INSECURE", "true"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_ENDPOINT": "{address}"},
        protocols=("grpc",),
    ),
)


def identify(row: Row, protocol: Protocol) -> str:
    """Return the name of a row among the tests: its variables, those of the three signals in one."""
    names = dict.fromkeys(re.sub("_(TRACES|METRICS|LOGS)_", "_*_", name) for name in row.variables)
    short = names if len(row.variables) > len(names) else row.variables
    given = f"{'+'.join(name.removeprefix('OTEL_') for name in short)}={next(iter(row.variables.values()))[:12]}"
    return "-".join([protocol, given, *(name for name in row.beside if not name.startswith("OTEL_"))])


@pytest.mark.parametrize(
    ("row", "needs"),
    [pytest.param(row, row.runs(protocol), id=identify(row, protocol)) for row in TABLE for protocol in row.protocols],
)
def test_the_environment_wins(runs: Runs, row: Row, needs: tuple[Run, Run]) -> None:
    """Without the variable the code's default shows, with it the environment's value, and nothing is complained of."""
    without, with_it = map(runs, needs)
    assert (without.status, with_it.status) == (0, 0), without.output + with_it.output
    assert row.default != row.expected
    assert row.observe(without) == row.default, without.output
    assert row.observe(with_it) == row.expected, with_it.output
    assert "must be" not in with_it.output


# Nothing is left out.

REFUSED = {
    "OTEL_BSP_EXPORT_TIMEOUT": "the SDK reads it and does nothing with it",
    "OTEL_BLRP_EXPORT_TIMEOUT": "the same",
    "OTEL_LOG_LEVEL": "declared, and read nowhere",
    "OTEL_EXPORTER_PROMETHEUS_HOST": "of an exporter that is not installed",
    "OTEL_EXPORTER_PROMETHEUS_PORT": "the same",
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "the same",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "the same",
    "OTEL_CONFIG_FILE": "an SDK that is set up in code cannot honour it",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "the other protocol's exporter is not installed",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "the same",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "the same",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "the same",
    "OTEL_PYTHON_TRACER_PROVIDER": "the service builds its own",
    "OTEL_PYTHON_METER_PROVIDER": "the same",
    "OTEL_PYTHON_CONTEXT": "there is one implementation, and it is used without being asked for",
    "OTEL_PYTHON_ID_GENERATOR": "only opentelemetry-instrument reads it",
    "OTEL_PYTHON_TRACER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_METER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_LOGGER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_DISTRO": "the same",
    "OTEL_PYTHON_CONFIGURATOR": "the same",
}
NO_EFFECT = {
    "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH": "only opentelemetry-instrument reads it",
}
ANY_TEXT = {
    "OTEL_SERVICE_NAME": "a name",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "may name instrumentations that are not installed",
}
UNDECLARED = {"OTEL_PYTHON_LOGGER_PROVIDER": "as the other providers; the SDK has only a private name for it"}
IN_TABLE = {name for row in TABLE for name in row.variables}

# Run by the service's Python: what OpenTelemetry declares, and what of it no other module of it mentions.
DECLARED = f"""
import json, pathlib, re, {PACKAGE}
from opentelemetry import environment_variables as api, sdk
from opentelemetry.instrumentation import environment_variables as contrib
from opentelemetry.sdk import environment_variables as sdk_variables
from {PACKAGE}.telemetry import settings
modules = [api, sdk_variables, contrib]
declared = {{getattr(m, name) for m in modules for name in dir(m) if name.startswith("OTEL_")}}
sources = [path for path in pathlib.Path(sdk.__path__[0]).parent.rglob("*.py") if "environment_variables" not in str(path)]
mentioned = set(re.findall(r"OTEL_[A-Z_]+", " ".join(path.read_text() for path in sources)))
print(json.dumps([sorted(declared), sorted(declared - mentioned), list(settings.DEFAULTS), [r[1] for r in settings.RULES]]))
"""


@pytest.fixture(scope="module")
def declared(projects: Projects) -> list[list[str]]:
    """Return what OpenTelemetry declares, what of it is read nowhere, our defaults, and our rules' patterns."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", DECLARED],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return cast("list[list[str]]", json.loads(done.stdout))


def test_the_table_leaves_nothing_out(declared: list[list[str]]) -> None:
    """Every variable that OpenTelemetry declares or the service has a default for is in the table, or has a reason."""
    names, _, defaults, _ = declared
    assert sorted(IN_TABLE | REFUSED.keys() | NO_EFFECT.keys()) == sorted({*names, *defaults})
    assert not IN_TABLE & (REFUSED.keys() | NO_EFFECT.keys())


def test_what_is_said_to_be_read_nowhere_is(declared: list[list[str]]) -> None:
    """A variable that a new release begins to read, of those that we pass over, shows here."""
    _, unread, _, _ = declared
    assert {name for name in NO_EFFECT | REFUSED if name in unread} == {
        "OTEL_LOG_LEVEL",
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "OTEL_EXPORTER_PROMETHEUS_PORT",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
        "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
    }
    assert not IN_TABLE & set(unread)


def test_every_rule_judges_a_variable_of_the_table(declared: list[list[str]]) -> None:
    """No rule is dead, and what no rule judges is listed as free text."""
    judged = {rule: {n for n in IN_TABLE | REFUSED.keys() if re.fullmatch(f"OTEL_({rule})", n)} for rule in declared[3]}
    assert [rule for rule, variables in judged.items() if not variables] == []
    assert IN_TABLE - {name for variables in judged.values() for name in variables} == ANY_TEXT.keys()


# A bad value.

# Each of these might end the process, or sends it elsewhere: it gets a run of its own.
ALONE = [
    f"{OTLP}_ENDPOINT",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_PYTHON_METER_PROVIDER",
    *UNDECLARED,
]
SHARED_RUNS = 8  # for all others: that shows as well that one bad value does not hide the next


def bad(variable: str, value: str) -> str:
    """Return a bad value for the variable; for an endpoint, which may be a bare host, one that is none."""
    return f"ftp://{value}" if variable.endswith("_ENDPOINT") else value


def bad_runs() -> Iterator[tuple[str, Run]]:
    """Yield each variable that may be set badly, with the run that does so."""
    judged = sorted((IN_TABLE | REFUSED.keys()) - ANY_TEXT.keys())
    shared = [name for name in judged if name not in ALONE]
    groups = [[name] for name in ALONE] + [shared[at::SHARED_RUNS] for at in range(SHARED_RUNS)]
    for value in ("\N{SNOWMAN}", "-1"):
        for group in groups:
            variables = {f"{OTLP}_TIMEOUT": "1"} | {name: bad(name, value) for name in group}
            for name in group:
                yield name, Run("grpc", tuple(sorted(variables.items())))


@pytest.mark.parametrize(
    ("variable", "needs"), [pytest.param(n, (r,), id=f"{n}={dict(r.variables)[n]!a}") for n, r in bad_runs()]
)
def test_a_bad_value_is_told_once_and_survived(runs: Runs, variable: str, needs: tuple[Run]) -> None:
    """The process goes on to its end, and exactly one ERROR says which variable is wrong."""
    outcome = runs(needs[0])
    assert outcome.status == 0, outcome.output
    told = [line for line in outcome.errors if re.search(rf"\b{variable} must be ", line)]
    assert len(told) == 1, outcome.output
    assert [line for line in outcome.errors if re.search(rf"\b{variable}\b", line)] == told


@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("needs", [()])
def test_the_installed_protocol_is_accepted_in_silence(runs: Runs, protocol: Protocol, needs: tuple[Run, ...]) -> None:
    """Naming what is installed, for all signals and for each, is no mistake and changes nothing."""
    variables = {f"{OTLP}_PROTOCOL": "{protocol}"} | each("PROTOCOL", "{protocol}")
    outcome = runs(Run(protocol, tuple(sorted(variables.items()))))
    assert (outcome.status, outcome.errors, arrived(outcome)) == (0, [], ["traces", "metrics"])


def test_secrets_in_headers_are_never_printed(runs: Runs) -> None:
    """Whatever is wrong with the headers, their values stay out of what the process prints."""
    for value in ("x-key=s3cret\N{SNOWMAN}", 'x-key="s3cret"', "x-key: s3cret", "x-key=s3cret;a,b"):
        outcome = runs(Run("grpc", ((f"{OTLP}_HEADERS", value),)))
        assert len([line for line in outcome.errors if "HEADERS" in line]) == 1, (value, outcome.output)
        assert "s3cret" not in outcome.output
