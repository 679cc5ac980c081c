"""The items of the three signals: how they are called, named, counted and measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.metrics import Counter, Meter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.metrics import otel_metrics

from .limits import text_bytes


def _no_bytes(_: Any) -> int:
    return 0


@dataclass(frozen=True)
class ItemKind:
    """What sending.py and retrying.py have to know about the items of a signal."""

    signal: str
    plural: str
    name: Callable[[Any], str]
    # The memory that the texts of an item take; 0 if they are always short.
    text_bytes: Callable[[Any], int] = _no_bytes
    # The variable that says how many items make a full batch.
    batch_size: str = ""
    # The variable that says how many items may wait in the processor's queue.
    queue_size: str = ""
    # The SDK's own counter of items. Those with an error.type are lost: what the SDK drops has
    # "queue_full", what the receiver does not take has another one.
    create_counter: Callable[[Meter], Counter] | None = None


def _span_name(span: ReadableSpan) -> str:
    return str(span.name)


def _span_bytes(span: ReadableSpan) -> int:
    size = 0
    for event in span.events:
        attributes = event.attributes or {}
        size += text_bytes(attributes.values())
    return size


def _record_name(record: ReadableLogRecord) -> str:
    return str(record.log_record.body)


def _record_bytes(record: ReadableLogRecord) -> int:
    attributes = record.log_record.attributes or {}
    return text_bytes([*attributes.values(), record.log_record.body])


def _point_name(point: Any) -> str:
    return str(point.metric.name)


SPANS = ItemKind(
    "traces",
    "spans",
    name=_span_name,
    text_bytes=_span_bytes,
    batch_size="OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    queue_size="OTEL_BSP_MAX_QUEUE_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_span_processed,
)
LOG_RECORDS = ItemKind(
    "logs",
    "log records",
    name=_record_name,
    text_bytes=_record_bytes,
    batch_size="OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    queue_size="OTEL_BLRP_MAX_QUEUE_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_log_processed,
)
POINTS = ItemKind("metrics", "data points", name=_point_name)
