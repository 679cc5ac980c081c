"""OTLP over gRPC: the only module that imports exporters, and gives them no argument that a variable covers."""

import re
from importlib import import_module
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from .answers import Answer, Verdict, remember

# Without types, so this way.
grpc: Any = import_module("grpc")
details: Any = import_module("google.rpc.error_details_pb2")
status_pb2: Any = import_module("google.rpc.status_pb2")
DecodeError: Any = import_module("google.protobuf.message").DecodeError

__all__ = [
    "EXPORTERS",
    "encode_spans",
    "log_exporter",
    "metric_exporter",
    "retry_delay",
    "span_exporter",
]

AGAIN = ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
# Servers that find a message too large say so by different codes, but all of them name the size.
TOO_LARGE = re.compile(
    r"(?i)larger than|too (large|big|long)|size|exceeds (the )?(max|limit)|status: 413"
)


class _Listener(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Hears each answer: the exporter itself logs it, and says no more than that it failed."""

    def intercept_unary_unary(self, continuation: Any, call_details: Any, request: Any) -> Any:
        call = continuation(call_details, request)
        remember(_answer(call))
        return call


def _answer(call: Any) -> Answer:
    status = call.code().name
    text = f"{status}: {call.details() or 'no reason given'}"
    if status == "OK":
        return Answer(Verdict.TAKEN)
    if status in ("RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "UNKNOWN", "INTERNAL") and TOO_LARGE.search(
        text
    ):
        return Answer(Verdict.TOO_LARGE, text)
    delay = retry_delay(call)
    if status in AGAIN or (status == "RESOURCE_EXHAUSTED" and delay is not None):
        return Answer(Verdict.AGAIN, text, delay or 0.0)
    return Answer(Verdict.EXHAUSTED if status == "RESOURCE_EXHAUSTED" else Verdict.REFUSED, text)


def retry_delay(call: Any) -> float | None:
    """Return how many seconds the receiver asks to wait, or None where it does not say.

    RetryInfo stands among the details of the status, or in a trailer of its own.
    """
    trailers = dict(call.trailing_metadata() or ())
    advice = details.RetryInfo()
    try:
        advice.ParseFromString(trailers.get("google.rpc.retryinfo-bin", b""))
        found = "google.rpc.retryinfo-bin" in trailers
        for detail in status_pb2.Status.FromString(
            trailers.get("grpc-status-details-bin", b"")
        ).details:
            found = detail.Unpack(advice) or found
    except DecodeError:
        return None
    return advice.retry_delay.seconds + advice.retry_delay.nanos / 1e9 if found else None


class _Heard:
    """An exporter makes its channel itself, now and then a new one: each is listened to."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, grpc.Channel):
            value = grpc.intercept_channel(value, _Listener())
        super().__setattr__(name, value)


class _SpanExporter(_Heard, OTLPSpanExporter):
    pass


class _MetricExporter(_Heard, OTLPMetricExporter):
    pass


class _LogExporter(_Heard, OTLPLogExporter):
    pass


span_exporter = _SpanExporter
metric_exporter = _MetricExporter
log_exporter = _LogExporter

EXPORTERS: dict[str, Any] = {
    "traces": span_exporter,
    "metrics": metric_exporter,
    "logs": log_exporter,
}
