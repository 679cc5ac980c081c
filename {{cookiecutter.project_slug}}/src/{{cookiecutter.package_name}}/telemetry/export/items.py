"""The items of the three signals: how they are called, named, counted and measured."""

from collections.abc import Callable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from opentelemetry.metrics import Counter, Meter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.metrics import otel_metrics
from opentelemetry.trace import SpanContext

from .limits import EVENT_BYTES, memory, memory_inside


def _no_bytes(_: Any) -> int:
    return 0


@dataclass(frozen=True)
class ItemKind:
    """What sending.py and retrying.py have to know about the items of a signal."""

    signal: str
    plural: str
    name: Callable[[Any], str]
    # About how many bytes of memory an item takes; 0 if nobody asks.
    memory: Callable[[Any], int] = _no_bytes
    # The variable that says how many items make a full batch.
    batch_size: str = ""
    # The variable that says how many items may wait in the processor's queue.
    queue_size: str = ""
    # The SDK's own counter of items. Those with an error.type are lost: what the SDK drops has
    # "queue_full", what the receiver does not take has another one.
    create_counter: Callable[[Meter], Counter] | None = None


def _span_name(span: ReadableSpan) -> str:
    return str(span.name)


def _span_memory(span: ReadableSpan) -> int:
    size = memory(span.attributes) + getsizeof(span.name)
    if span.status.description:
        size += getsizeof(span.status.description)
    for event in span.events:
        size += EVENT_BYTES + getsizeof(event.name) + memory(event.attributes)
    for link in span.links:
        size += EVENT_BYTES + memory(link.attributes) + _state_memory(link.context)
    return size + _state_memory(span.context)


def _state_memory(context: SpanContext | None) -> int:
    if not context or not context.trace_state:
        return 0
    return memory_inside(context.trace_state)  # a client may have sent it


def _record_name(record: ReadableLogRecord) -> str:
    return str(record.log_record.body)


def _record_memory(record: ReadableLogRecord) -> int:
    log_record = record.log_record
    return memory(log_record.attributes) + memory_inside([log_record.body])


def _point_name(point: Any) -> str:
    return str(point.metric.name)


SPANS = ItemKind(
    "traces",
    "spans",
    name=_span_name,
    memory=_span_memory,
    batch_size="OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    queue_size="OTEL_BSP_MAX_QUEUE_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_span_processed,
)
LOG_RECORDS = ItemKind(
    "logs",
    "log records",
    name=_record_name,
    memory=_record_memory,
    batch_size="OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    queue_size="OTEL_BLRP_MAX_QUEUE_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_log_processed,
)
POINTS = ItemKind("metrics", "data points", name=_point_name)
