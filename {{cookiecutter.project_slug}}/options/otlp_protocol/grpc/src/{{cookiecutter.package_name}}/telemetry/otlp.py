"""OTLP over gRPC: the only module that imports exporters, and gives them no argument that a variable covers."""

from importlib import import_module
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from .answers import Answer, Verdict, remember

# Without types, so this way. The first is for the doctor.
grpc: Any = import_module("grpc")
details: Any = import_module("google.rpc.error_details_pb2")

__all__ = ["encode_spans", "log_exporter", "metric_exporter", "span_exporter"]

AGAIN = ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
# How servers say that a message is too large; the last is a proxy's HTTP status.
SIZES = ("larger than max", "message size", "maximum size", "too large", "status: 413")


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
    if status in AGAIN:
        return Answer(Verdict.AGAIN, text)
    if any(words in text.lower() for words in SIZES):
        return Answer(Verdict.TOO_LARGE, text)
    if status != "RESOURCE_EXHAUSTED":
        return Answer(Verdict.REFUSED, text)
    advice = dict(call.trailing_metadata() or ()).get("google.rpc.retryinfo-bin")
    if advice is None:
        return Answer(Verdict.EXHAUSTED, text)
    delay = details.RetryInfo.FromString(advice).retry_delay
    return Answer(Verdict.AGAIN, text, delay.seconds + delay.nanos / 1e9)


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
