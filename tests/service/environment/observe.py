"""What can be seen of a variable in the outcome of a run."""

import json
import re
from collections.abc import Callable

from ...harness.receiver import Signal
from .runs import Outcome

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")

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
