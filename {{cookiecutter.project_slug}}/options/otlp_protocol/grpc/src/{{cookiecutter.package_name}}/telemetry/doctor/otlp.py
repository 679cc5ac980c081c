"""The doctor's OTLP over gRPC: sends by the service's exporter, and reads the whole answer.

The exporter hides the answer, so a call of the doctor's own sends the same data again.
"""

import os
import re
import threading
import time
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.util.re import parse_env_headers

from ..export import otlp
from ..settings.variables import endpoint, variable
from .sample import REJECTED, Sample
from .wire import Answer, Route

grpc: Any = import_module("grpc")  # it has no types

STUBS: dict[str, Any] = {
    "traces": TraceServiceStub,
    "metrics": MetricsServiceStub,
    "logs": LogsServiceStub,
}
RESOLVERS = re.compile(r"^(dns:(//[^/]*/)?|ipv4:|ipv6:)")
HOST_AND_PORT = re.compile(r"(?P<host>.*?)(:(?P<port>\d+))?", re.DOTALL)


def route(signal: str) -> Route:
    """Return where a signal goes, by the exporter's own rules."""
    address = endpoint(signal)
    tls = _is_tls(signal, address)
    ca, certificate, key = _pem_files(signal)
    target = RESOLVERS.sub("", _target(address))
    found = HOST_AND_PORT.fullmatch(target)
    if target.startswith("unix:") or not found:
        return Route("", 0, tls, ca, certificate, key)
    host = found["host"].strip("[]")
    port = int(found["port"] or 443)
    return Route(host, port, tls, ca, certificate, key)


def _target(address: str) -> str:
    """Return the endpoint as the exporter gives it to gRPC: without scheme and path."""
    return urlsplit(address).netloc or address


def _is_tls(signal: str, address: str) -> bool:
    scheme = urlsplit(address).scheme.lower()
    if scheme == "https":
        return True
    insecure = os.environ.get(variable(signal, "INSECURE"), "")
    if insecure:
        return insecure.lower() != "true"
    return scheme != "http"


def _pem_files(signal: str) -> tuple[str, str, str]:
    """Return the files of CA, client certificate and key.

    The exporter reads all three from the same group of variables: a signal's own if it has a CA.
    """
    prefix = f"OTEL_EXPORTER_OTLP_{signal.upper()}_"
    if f"{prefix}CERTIFICATE" not in os.environ:
        prefix = "OTEL_EXPORTER_OTLP_"
    ca = os.environ.get(f"{prefix}CERTIFICATE", "")
    if not ca:
        return os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", ""), "", ""
    certificate = os.environ.get(f"{prefix}CLIENT_CERTIFICATE", "")
    return ca, certificate, os.environ.get(f"{prefix}CLIENT_KEY", "")


def proxy(signal: str) -> tuple[str, str]:
    """Return the variable that sends a signal through a proxy, and its value.

    gRPC reads lower-case names only.
    """
    host = route(signal).host
    exempt = os.environ.get("no_grpc_proxy")
    exempt = exempt or os.environ.get("no_proxy", "")
    suffixes = [item.strip() for item in exempt.split(",")]
    if not host or host.endswith(tuple(filter(None, suffixes))):
        return "", ""
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        value = os.environ.get(name)
        if value:
            return name, value
    return "", ""


def send(signal: str, sample: Sample, seconds: float) -> Answer:
    """Send a sample by the exporter, and by a call that shows the receiver's answer."""
    results: list[str] = []
    exporter = otlp.EXPORTERS[signal]()

    def export() -> None:
        results.append(exporter.export(sample.of(signal)).name)

    end = time.monotonic() + seconds
    thread = threading.Thread(target=export, daemon=True)
    thread.start()
    answer = _call(signal, _request(signal, sample), seconds)
    # If both fail, they fail for the same reason. If only one does, the exporter's result counts.
    left = max(0.1, end - time.monotonic())
    thread.join(0.3 if answer.code else left)
    exported = results == ["SUCCESS"]
    if exported and answer.code:
        return Answer("")
    if not exported and not answer.code:
        return Answer("exporter", "it fails where a plain call succeeds")
    return answer


def _request(signal: str, sample: Sample) -> Any:
    """Return a request with the sample's span, or with an item like it."""
    request = otlp.encode_spans(sample.spans)
    if signal == "traces":
        return request
    of_resource = request.resource_spans[0]
    of_scope = of_resource.scope_spans[0]
    build = _metrics_request if signal == "metrics" else _logs_request
    return build(of_resource.resource, of_scope.scope, of_scope.spans[0])


def _metrics_request(resource: Any, scope: Any, span: Any) -> Any:
    request = metrics.ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add(resource=resource)
    of_scope = of_resource.scope_metrics.add(scope=scope)
    total = of_scope.metrics.add(name=span.name).sum
    total.aggregation_temporality = 2  # cumulative
    total.is_monotonic = True
    now = span.end_time_unix_nano
    total.data_points.add(as_int=1, start_time_unix_nano=now, time_unix_nano=now)
    return request


def _logs_request(resource: Any, scope: Any, span: Any) -> Any:
    request = logs.ExportLogsServiceRequest()
    of_resource = request.resource_logs.add(resource=resource)
    of_scope = of_resource.scope_logs.add(scope=scope)
    record = of_scope.log_records.add()
    record.body.string_value = span.name
    record.severity_number = 9  # INFO
    record.time_unix_nano = span.end_time_unix_nano
    return request


def _call(signal: str, request: Any, seconds: float) -> Answer:
    given = os.environ.get(variable(signal, "HEADERS"), "")
    headers = parse_env_headers(given, liberal=True)
    metadata = tuple(headers.items())
    stub = STUBS[signal](_channel(signal))
    try:
        response = stub.Export(request, timeout=seconds, metadata=metadata)
    except grpc.RpcError as error:
        delay = otlp.retry_delay(error)
        retry = "" if delay is None else f", retry in {delay:g} s"
        code = error.code().name
        return Answer(code, error.details() or "", retry)
    partial = response.partial_success
    rejected = getattr(partial, REJECTED[signal])
    return Answer("", partial.error_message, rejected=rejected)


def _channel(signal: str) -> Any:
    way = route(signal)
    target = _target(endpoint(signal))
    compression = grpc.Compression.NoCompression
    if os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_COMPRESSION"):
        compression = grpc.Compression.Gzip
    if not way.tls:
        return grpc.insecure_channel(target, compression=compression)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(way.ca),
        private_key=_read(way.key),
        certificate_chain=_read(way.certificate),
    )
    return grpc.secure_channel(target, credentials, compression=compression)


def _read(name: str) -> bytes | None:
    if not name:
        return None
    with open(name, "rb") as file:
        return file.read()
