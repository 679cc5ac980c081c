"""What is received, as plain records, and how the messages of the three OTLP services become them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Signal = Literal["traces", "metrics", "logs"]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """Shows one received span; times in nanoseconds since the epoch, identifiers in hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    start: int
    end: int
    attributes: Attributes
    status: str
    status_message: str
    events: list[tuple[str, Attributes]]
    links: list[tuple[str, str]]
    resource: Attributes
    scope: str

    @property
    def duration(self) -> float:
        """Return how long the span lasted, in seconds."""
        return (self.end - self.start) / 1e9


@dataclass(frozen=True)
class Point:
    """Shows one received data point; `value` is the sum when `kind` is a histogram or a summary."""

    name: str
    unit: str
    kind: str
    value: float
    count: int
    monotonic: bool
    temporality: str
    attributes: Attributes
    resource: Attributes
    scope: str
    start: int
    time: int


def latest(points: Iterable[Point], name: str) -> list[Point]:
    """Return the last point of each series of a metric, each process's its own: the points are cumulative."""
    named = [point for point in points if point.name == name]
    return list({str((p.resource["service.instance.id"], sorted(p.attributes.items()))): p for p in named}.values())


@dataclass(frozen=True)
class Log:
    """Shows one received log record; identifiers in hexadecimal, empty outside any span."""

    body: Any
    severity: int
    severity_text: str
    event_name: str
    trace_id: str
    span_id: str
    attributes: Attributes
    resource: Attributes
    scope: str


@dataclass(frozen=True)
class Request:
    """Shows one request as it arrived, whatever the answer; `signal` is empty for an unknown path."""

    signal: str
    method: str
    path: str
    headers: dict[str, str]
    items: int
    encoding: str = ""  # always empty over gRPC, which decompresses out of sight
    received_at: float = field(default_factory=time.monotonic)  # in seconds


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _attributes(pairs: Iterable[Any]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _span(span: Any, resource: Attributes, scope: str) -> Span:
    return Span(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        resource=resource,
        scope=scope,
    )


def _measured(scope: Any) -> list[tuple[Any, Any, Any]]:
    """Return each data point after its metric and the metric's data."""
    pairs = [(metric, getattr(metric, metric.WhichOneof("data") or "gauge")) for metric in scope.metrics]
    return [(metric, data, point) for metric, data in pairs for point in data.data_points]


def _point(measured: tuple[Any, Any, Any], resource: Attributes, scope: str) -> Point:
    metric, data, point = measured
    temporality = AggregationTemporality.Name(getattr(data, "aggregation_temporality", 0))
    is_number = hasattr(point, "as_int")
    return Point(
        name=metric.name,
        unit=metric.unit,
        kind=metric.WhichOneof("data"),
        value=getattr(point, point.WhichOneof("value") or "as_int") if is_number else point.sum,
        count=0 if is_number else point.count,
        monotonic=getattr(data, "is_monotonic", False),
        temporality=temporality.removeprefix("AGGREGATION_TEMPORALITY_"),
        attributes=_attributes(point.attributes),
        resource=resource,
        scope=scope,
        start=point.start_time_unix_nano,
        time=point.time_unix_nano,
    )


def _log(record: Any, resource: Attributes, scope: str) -> Log:
    return Log(
        body=_value(record.body),
        severity=record.severity_number,
        severity_text=record.severity_text,
        event_name=record.event_name,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        attributes=_attributes(record.attributes),
        resource=resource,
        scope=scope,
    )


class Service(NamedTuple):
    """Names what differs between the three OTLP services."""

    name: str
    messages: Any
    group: str
    item: str
    items: Callable[[Any], Sequence[Any]]
    record: Callable[[Any, Attributes, str], Any]

    @property
    def full_name(self) -> str:
        """Return the name by which gRPC knows the service."""
        return f"opentelemetry.proto.collector.{self.name.lower()}.v1.{self.name}Service"

    def parse(self, body: bytes) -> Any:
        """Return the request that the bytes are; raise DecodeError if they are none."""
        return getattr(self.messages, f"Export{self.name}ServiceRequest").FromString(body)

    def respond(self, rejected: int, message: str) -> Any:
        """Return a response, with a partial success only if there is one to tell of."""
        partial = {f"rejected_{self.item}": rejected, "error_message": message} if rejected or message else None
        return getattr(self.messages, f"Export{self.name}ServiceResponse")(partial_success=partial)

    def count(self, request: Any) -> int:
        """Return how many items a request holds."""
        return sum(len(self.items(scope)) for _, scope in self._scopes(request))

    def read(self, request: Any) -> Iterator[Any]:
        """Yield the records of a request."""
        for resource, scope in self._scopes(request):
            attributes = _attributes(resource.resource.attributes)
            for item in self.items(scope):
                yield self.record(item, attributes, scope.scope.name)

    def _scopes(self, request: Any) -> Iterator[tuple[Any, Any]]:
        for resource in getattr(request, f"resource_{self.group}"):
            for scope in getattr(resource, f"scope_{self.group}"):
                yield resource, scope


# The keys are signals; typed as text because a request's path may name none.
SERVICES: dict[str, Service] = {
    "traces": Service("Trace", trace_service_pb2, "spans", "spans", lambda scope: scope.spans, _span),
    "metrics": Service("Metrics", metrics_service_pb2, "metrics", "data_points", _measured, _point),
    "logs": Service("Logs", logs_service_pb2, "logs", "log_records", lambda scope: scope.log_records, _log),
}
