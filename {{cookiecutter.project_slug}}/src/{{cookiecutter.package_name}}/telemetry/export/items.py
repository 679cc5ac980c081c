"""What the items of the three signals are called, named and counted, and how large their texts are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.metrics import Counter, Meter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.metrics import otel_metrics

from .limits import text_bytes


@dataclass(frozen=True)
class Items:
    """The items of one signal, as sending.py and retrying.py treat them."""

    plural: str
    name: Callable[[Any], str]
    text_bytes: Callable[[Any], int] = lambda _: 0
    batch_size: str = ""  # the variable that says how many items make a batch
    # What is dropped is counted where the SDK counts what it drops, by another error.type.
    create_counter: Callable[[Meter], Counter] | None = None


def _span_bytes(span: ReadableSpan) -> int:
    return sum(text_bytes(event.attributes or {}) for event in span.events)


def _record_bytes(record: ReadableLogRecord) -> int:
    return text_bytes({**(record.log_record.attributes or {}), "": record.log_record.body})


SPANS = Items(
    "spans",
    name=lambda span: str(span.name),
    text_bytes=_span_bytes,
    batch_size="OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_span_processed,
)
LOG_RECORDS = Items(
    "log records",
    name=lambda record: str(record.log_record.body),
    text_bytes=_record_bytes,
    batch_size="OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    create_counter=otel_metrics.create_otel_sdk_processor_log_processed,
)
POINTS = Items("data points", name=lambda point: str(point[2].name))
