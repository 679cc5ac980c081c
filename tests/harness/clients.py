"""The real exporters and bare clients that the receiver is checked against."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any, NamedTuple, Self

import grpc
from google.rpc.status_pb2 import Status as ErrorBody
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from .certificates import Authority, Pair
from .receiver import Receiver, Signal

PATIENCE = 0.5  # seconds a client waits for an answer that must not come
RESOURCE = {"service.name": "shop"}
EXPORTERS: dict[str, Any] = {
    "grpc": {"traces": GrpcSpanExporter, "metrics": GrpcMetricExporter, "logs": GrpcLogExporter},
    "http": {"traces": HttpSpanExporter, "metrics": HttpMetricExporter, "logs": HttpLogExporter},
}
STUBS: dict[Signal, Any] = {
    "traces": trace_service_pb2_grpc.TraceServiceStub,
    "metrics": metrics_service_pb2_grpc.MetricsServiceStub,
    "logs": logs_service_pb2_grpc.LogsServiceStub,
}
# What a retriable failure is called.
UNAVAILABLE: dict[str, Any] = {"grpc": grpc.StatusCode.UNAVAILABLE, "http": 503}


def exporter(receiver: Receiver, signal: Signal, authority: Authority | None = None, **options: Any) -> Any:
    """Return the official exporter of a signal, trusting `authority` and holding a certificate of it."""
    options = {"timeout": 1, "endpoint": receiver.endpoint, **options}
    if receiver.protocol == "http":
        options["endpoint"] += f"/v1/{signal}"
        if authority:
            files = (str(authority.ca), *map(str, authority.client()))
            options |= zip(("certificate_file", "client_certificate_file", "client_key_file"), files, strict=True)
    elif authority:
        options["credentials"] = credentials_of(authority, authority.client())
    return EXPORTERS[receiver.protocol][signal](**options)


def credentials_of(authority: Authority, client: Pair | None) -> Any:
    pair = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    return grpc.ssl_channel_credentials(authority.ca.read_bytes(), *pair)


def context_of(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client:
        context.load_cert_chain(*client)
    return context


def payload(signal: Signal = "traces", items: int = 1) -> Any:
    """Return a request with so many items, named 0, 1, 2 and so on."""
    texts = [str(number) for number in range(items)]
    resource: Any
    if signal == "traces":
        resource = {"scope_spans": [{"spans": [{"name": text} for text in texts]}]}
        return trace_service_pb2.ExportTraceServiceRequest(resource_spans=[resource])
    if signal == "metrics":
        metrics = [{"name": text, "gauge": {"data_points": [{"as_int": int(text)}]}} for text in texts]
        resource = {"scope_metrics": [{"metrics": metrics}]}
        return metrics_service_pb2.ExportMetricsServiceRequest(resource_metrics=[resource])
    resource = {"scope_logs": [{"log_records": [{"body": {"string_value": text}} for text in texts]}]}
    return logs_service_pb2.ExportLogsServiceRequest(resource_logs=[resource])


class Answer(NamedTuple):
    """Holds what a bare client got: `code` is the status, or the name of what kept it from coming."""

    code: Any
    message: str
    headers: dict[str, Any]
    response: Any

    @property
    def is_success(self) -> bool:
        return self.code in (200, grpc.StatusCode.OK)


class Client:
    """Sends requests over one connection and shows the bare answers, without ever trying again."""

    def __init__(self, receiver: Receiver, authority: Authority | None = None, pair: Pair | None = None) -> None:
        # Without its own pool a channel would share its connections, and waits after failures, with others.
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = receiver.endpoint.partition("://")[2]
        self.is_grpc = receiver.protocol == "grpc"
        self.connection: Any
        if self.is_grpc and authority:
            self.connection = grpc.secure_channel(address, credentials_of(authority, pair), options)
        elif self.is_grpc:
            self.connection = grpc.insecure_channel(address, options)
        elif authority:
            self.connection = http.client.HTTPSConnection(address, context=context_of(authority, pair))
        else:
            self.connection = http.client.HTTPConnection(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, signal: Signal = "traces", items: int = 1, timeout: float = 2.0, **headers: str) -> Answer:
        request = payload(signal, items)
        if not self.is_grpc:
            return self.http(f"/v1/{signal}", request.SerializeToString(), timeout, **headers)
        export = STUBS[signal](self.connection).Export
        try:
            response, call = export.with_call(request, timeout=timeout, metadata=tuple(headers.items()))
        except grpc.RpcError as error:
            return Answer(error.code(), error.details(), dict(error.trailing_metadata() or ()), None)
        return Answer(call.code(), "", dict(call.trailing_metadata()), response)

    def http(self, path: str, body: Any, timeout: float = 2.0, method: str = "POST", **headers: Any) -> Answer:
        """Send any HTTP request; `_` in the name of a header stands for `-`."""
        headers = {"content_type": "application/x-protobuf"} | headers
        self.connection.timeout = timeout
        if self.connection.sock:
            self.connection.sock.settimeout(timeout)
        try:
            self.connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return Answer(type(error).__name__, str(error), {}, None)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status == 200:
            # The three responses are one message on the wire.
            return Answer(200, "", fields, trace_service_pb2.ExportTraceServiceResponse.FromString(content))
        return Answer(answer.status, ErrorBody.FromString(content).message, fields, None)


def send(receiver: Receiver, signal: Signal = "traces", items: int = 1, timeout: float = 2.0) -> Answer:
    """Send one request over a connection of its own."""
    with Client(receiver) as client:
        return client.send(signal, items, timeout)


def connect(receiver: Receiver, timeout: float = 2.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout)


def names(receiver: Receiver) -> list[str]:
    return [span.name for span in receiver.spans]
