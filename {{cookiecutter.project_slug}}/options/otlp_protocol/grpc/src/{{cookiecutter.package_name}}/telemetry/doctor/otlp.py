"""The doctor's OTLP over gRPC: the service's exporter sends, and a call of the doctor's own reads the whole answer."""

import os
import re
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.re import parse_env_headers

from ..export import otlp
from ..start_line import variable
from .wire import Answer, Route

grpc: Any = import_module("grpc")  # so, because it has no types

EXPORTERS: dict[str, Any] = {
    "traces": otlp.span_exporter,
    "metrics": otlp.metric_exporter,
    "logs": otlp.log_exporter,
}
STUBS: dict[str, Any] = {"traces": TraceServiceStub, "metrics": MetricsServiceStub, "logs": LogsServiceStub}


def route(signal: str) -> Route:
    """Return where a signal goes, by the exporter's own rules."""
    endpoint = os.environ[variable(signal, "ENDPOINT")]
    insecure = os.environ.get(variable(signal, "INSECURE"), "")
    url = urlsplit(endpoint)
    tls = url.scheme.lower() == "https" or (insecure.lower() != "true" if insecure else url.scheme.lower() != "http")
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_"  # its papers count only together with its authority
    prefix = own if f"{own}CERTIFICATE" in os.environ else "OTEL_EXPORTER_OTLP_"
    papers = [os.environ.get(prefix + name, "") for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")]
    if not papers[0]:
        papers = [os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", ""), "", ""]
    target = re.sub(r"^(dns:(//[^/]*/)?|ipv4:|ipv6:)", "", url.netloc if "://" in endpoint and url.netloc else endpoint)
    if target.startswith("unix:"):
        return Route("", 0, tls, *papers)
    host, port = re.fullmatch(r"(?s)(.*?)(?::(\d+))?", target).groups()  # type: ignore[union-attr]
    return Route(host.strip("[]"), int(port or 443), tls, *papers)


def proxy(signal: str) -> tuple[str, str]:
    """Return the variable that sends a signal through a proxy, and its value; gRPC knows lower-case names only."""
    host = route(signal).host
    exempt = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy", "")
    if not host or any(host.endswith(item.strip()) for item in exempt.split(",") if item.strip()):
        return "", ""
    names = [name for name in ("grpc_proxy", "https_proxy", "http_proxy") if os.environ.get(name)]
    return (names[0], os.environ[names[0]]) if names else ("", "")


def send(signal: str, item: Any, span: Sequence[ReadableSpan], seconds: float) -> Answer:
    """Send an item as the service would, and the same by a call that shows the receiver's answer."""
    result: list[str] = []
    exporter = EXPORTERS[signal]()
    end = time.monotonic() + seconds
    thread = threading.Thread(target=lambda: result.append(exporter.export(item).name), daemon=True)
    thread.start()
    answer = _call(signal, _request(signal, span), seconds)
    # Where both fail they do so for the same reason. Where only one does, the exporter's word counts.
    thread.join(max(0.1, end - time.monotonic()) if not answer.code else 0.3)
    if result == ["SUCCESS"]:
        return answer if not answer.code else Answer("")
    return answer if answer.code else Answer("exporter", "it fails where a plain call succeeds")


def _request(signal: str, span: Sequence[ReadableSpan]) -> Any:
    request = otlp.encode_spans(span)
    resource, scope = request.resource_spans[0].resource, request.resource_spans[0].scope_spans[0]
    name, now = scope.spans[0].name, scope.spans[0].end_time_unix_nano
    if signal == "metrics":
        measured = metrics.ExportMetricsServiceRequest()
        of_resource = measured.resource_metrics.add(resource=resource)
        metric = of_resource.scope_metrics.add(scope=scope.scope).metrics.add(name=name)
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
        metric.sum.data_points.add(as_int=1, start_time_unix_nano=now, time_unix_nano=now)
        return measured
    if signal == "logs":
        logged = logs.ExportLogsServiceRequest()
        record = logged.resource_logs.add(resource=resource).scope_logs.add(scope=scope.scope).log_records.add()
        record.body.string_value, record.severity_number, record.time_unix_nano = name, 9, now
        return logged
    return request


def _read(name: str) -> bytes | None:
    if not name:
        return None
    with open(name, "rb") as file:
        return file.read()


def _call(signal: str, request: Any, seconds: float) -> Answer:
    way, endpoint = route(signal), os.environ[variable(signal, "ENDPOINT")]
    target = urlsplit(endpoint).netloc or endpoint
    packed = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_COMPRESSION", "")
    compression = grpc.Compression.Gzip if packed else grpc.Compression.NoCompression
    if way.tls:
        credentials = grpc.ssl_channel_credentials(_read(way.ca), _read(way.key), _read(way.certificate))
        channel = grpc.secure_channel(target, credentials, compression=compression)
    else:
        channel = grpc.insecure_channel(target, compression=compression)
    headers = parse_env_headers(os.environ.get(variable(signal, "HEADERS"), ""), liberal=True)
    try:
        response = STUBS[signal](channel).Export(request, timeout=seconds, metadata=tuple(headers.items()))
    except grpc.RpcError as error:
        delay = otlp.retry_delay(error)
        retry = "" if delay is None else f", retry in {delay:g} s"
        return Answer(error.code().name, error.details() or "", retry)
    partial = response.partial_success
    (_, rejected), *_ = [*((field.name, value) for field, value in partial.ListFields()), ("", 0)]
    count = rejected if isinstance(rejected, int) else 0
    return Answer("", partial.error_message, rejected=count)
