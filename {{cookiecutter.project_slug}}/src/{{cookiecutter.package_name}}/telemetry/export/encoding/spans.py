"""Encodes spans, field by field as in opentelemetry/proto/trace/v1/trace.proto."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from .common import encoded_request, key_values
from .repair import utf8
from .wire import Message

SPAN = Message(trace_pb2.Span)
EVENT = Message(trace_pb2.Span.Event)
LINK = Message(trace_pb2.Span.Link)
STATUS = Message(trace_pb2.Status)

UNSET = STATUS()
KINDS = {kind: kind.value + 1 for kind in SpanKind}  # 0 is "unspecified" in OTLP
# The flags say that "is remote" is known, and, for REMOTE, that it is true.
LOCAL = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
REMOTE = LOCAL | trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


def encode_spans(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """Return a request, as the exporters' own encoder of this name does."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(encoded_request(spans, _span))
    return request


def _span(span: ReadableSpan) -> bytes:
    context: Any = span.get_span_context()
    return SPAN(
        trace_id=_trace_id(context),
        span_id=_span_id(context),
        trace_state=_trace_state(context.trace_state),
        parent_span_id=_span_id(span.parent),
        name=utf8(span.name, "span name"),
        kind=KINDS[span.kind],
        start_time_unix_nano=span.start_time,
        end_time_unix_nano=span.end_time,
        attributes=key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes,
        events=[_event(event) for event in span.events],
        dropped_events_count=span.dropped_events,
        links=[_link(link) for link in span.links],
        dropped_links_count=span.dropped_links,
        status=_status(span.status),
        flags=_flags(span.parent),
    )


def _trace_state(state: TraceState) -> bytes:
    if not state:  # to_header() takes time
        return b""
    return utf8(state.to_header(), "trace state")


def _event(event: Event) -> bytes:
    return EVENT(
        time_unix_nano=event.timestamp,
        name=utf8(event.name, "event name"),
        attributes=key_values(event.attributes),
        dropped_attributes_count=event.dropped_attributes,
    )


def _link(link: Link) -> bytes:
    return LINK(
        trace_id=_trace_id(link.context),
        span_id=_span_id(link.context),
        attributes=key_values(link.attributes),
        dropped_attributes_count=link.dropped_attributes,
        flags=_flags(link.context),
    )


def _status(status: Status) -> bytes:
    if status.status_code is StatusCode.UNSET:
        return UNSET
    return STATUS(
        message=utf8(status.description, "status description"),
        code=status.status_code.value,
    )


def _flags(context: SpanContext | None) -> int:
    if context and context.is_remote:
        return REMOTE
    return LOCAL


def _trace_id(context: SpanContext) -> bytes:
    return context.trace_id.to_bytes(16, "big")


def _span_id(context: SpanContext | None) -> bytes:
    if not context:
        return b""
    return context.span_id.to_bytes(8, "big")
