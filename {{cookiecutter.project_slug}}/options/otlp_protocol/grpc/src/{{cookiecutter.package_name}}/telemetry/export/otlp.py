"""OTLP over gRPC: the only module that imports OTLP exporters.

The exporters read the OTEL_* variables themselves.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # for the doctor
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter, trace_exporter
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from . import encoding
from .answers import MENTIONS_SIZE, Answer, DecodeError, Verdict, remember, taken

encoding.install(trace_exporter, _log_exporter)

# These packages have no types; import_module() keeps mypy from reporting each use.
grpc: Any = import_module("grpc")
error_details: Any = import_module("google.rpc.error_details_pb2")
status_pb2: Any = import_module("google.rpc.status_pb2")

__all__ = [
    "EXPORTERS",
    "encode_spans",
    "log_exporter",
    "metric_exporter",
    "retry_delay",
    "span_exporter",
]

# The statuses that OTLP lets a client retry. RESOURCE_EXHAUSTED is one only with a RetryInfo.
RETRYABLE = frozenset(
    {
        "ABORTED",
        "CANCELLED",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "OUT_OF_RANGE",
        "UNAVAILABLE",
    }
)
# Servers answer a message that is too large by different statuses.
MAY_MEAN_TOO_LARGE = frozenset({"INTERNAL", "OUT_OF_RANGE", "RESOURCE_EXHAUSTED", "UNKNOWN"})
RETRY_INFO_TRAILER = "google.rpc.retryinfo-bin"
STATUS_TRAILER = "grpc-status-details-bin"


class _AnswerListener(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Remembers each answer. The exporter only logs it, and returns that it failed."""

    def intercept_unary_unary(self, continuation: Any, call_details: Any, request: Any) -> Any:
        call = continuation(call_details, request)
        remember(_answer(call))
        if call.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise _NeedsNewChannel(call.details())
        return call


class _NeedsNewChannel(grpc.RpcError):  # type: ignore[misc]
    """Makes the exporter open a new channel, as it does after UNAVAILABLE.

    A load balancer may have forgotten a connection without closing it. Then nothing that is sent
    on it is answered, and a new one works.
    """

    def __init__(self, details: str):
        super().__init__(details)
        self._details = details

    def code(self) -> Any:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[()]:
        return ()


def _answer(call: Any) -> Answer:
    """Return what a finished call says, by OTLP's table of gRPC status codes."""
    status = call.code().name
    reason = call.details() or "no reason given"
    text = f"{status}: {reason}"
    if status == "OK":
        return taken(call.result().SerializeToString())
    delay = retry_delay(call)
    if delay is not None and status in (*RETRYABLE, "RESOURCE_EXHAUSTED"):
        return Answer(Verdict.AGAIN, text, delay)
    if status in MAY_MEAN_TOO_LARGE and MENTIONS_SIZE.search(text):
        return Answer(Verdict.TOO_LARGE, text)
    if status in RETRYABLE:
        return Answer(Verdict.AGAIN, text)
    if status == "RESOURCE_EXHAUSTED":
        return Answer(Verdict.EXHAUSTED, text)
    return Answer(Verdict.REFUSED, text)


def retry_delay(call: Any) -> float | None:
    """Return how many seconds the receiver asks us to wait, or None if it does not ask.

    A receiver sends RetryInfo in the details of the status or in a trailer of its own.
    """
    trailers = dict(call.trailing_metadata() or ())
    retry_info = error_details.RetryInfo()
    found = RETRY_INFO_TRAILER in trailers
    try:
        retry_info.ParseFromString(trailers.get(RETRY_INFO_TRAILER, b""))
        status = status_pb2.Status.FromString(trailers.get(STATUS_TRAILER, b""))
        for detail in status.details:
            if detail.Unpack(retry_info):
                found = True
    except DecodeError:
        return None
    if not found:
        return None
    delay = retry_info.retry_delay
    seconds: float = delay.seconds + delay.nanos / 1e9
    return seconds


class _ListenToChannel:
    """Puts an _AnswerListener on each channel that an exporter keeps in an attribute.

    An exporter makes its channel itself, and a new one after some failures. It has no public way
    to be given one.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, grpc.Channel):
            value = grpc.intercept_channel(value, _AnswerListener())
        super().__setattr__(name, value)


class _SpanExporter(_ListenToChannel, OTLPSpanExporter):
    pass


class _MetricExporter(_ListenToChannel, OTLPMetricExporter):
    pass


class _LogExporter(_ListenToChannel, OTLPLogExporter):
    pass


span_exporter = _SpanExporter
metric_exporter = _MetricExporter
log_exporter = _LogExporter
EXPORTERS: dict[str, Callable[..., Any]] = {
    "traces": span_exporter,
    "metrics": metric_exporter,
    "logs": log_exporter,
}
