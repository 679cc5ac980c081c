"""Encodes log records, field by field as in opentelemetry/proto/logs/v1/logs.proto."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.sdk._logs import ReadableLogRecord

from .common import any_value, encoded_request, key_values
from .repair import utf8
from .wire import Message

LOG_RECORD = Message(logs_pb2.LogRecord)


def encode_logs(records: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
    """Return a request, as the exporters' own encoder of this name does."""
    request = ExportLogsServiceRequest()
    request.ParseFromString(encoded_request(records, _log_record))
    return request


def _log_record(readable: ReadableLogRecord) -> bytes:
    record: Any = readable.log_record
    return LOG_RECORD(
        time_unix_nano=record.timestamp,
        severity_number=getattr(record.severity_number, "value", 0),
        severity_text=utf8(record.severity_text, "severity text"),
        body=any_value(record.body, "body"),
        attributes=key_values(record.attributes),
        dropped_attributes_count=readable.dropped_attributes,
        flags=record.trace_flags,
        trace_id=_id(record.trace_id, size=16),
        span_id=_id(record.span_id, size=8),
        observed_time_unix_nano=record.observed_timestamp,
        event_name=utf8(record.event_name, "event name"),
    )


def _id(number: int, size: int) -> bytes:
    if not number:  # the record was written outside a span
        return b""
    return number.to_bytes(size, "big")
