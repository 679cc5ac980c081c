"""Makes spans by the thousand, and sends them to a Collector as a service does: OTLP over gRPC, gzip."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from ..harness.waiting import wait_until

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
ATTRIBUTES = {
    "http.request.method": "POST",
    "http.route": "/transactions",
    "url.path": "/transactions",
    "url.scheme": "http",
    "server.address": "payments.example.com",
    "user_agent.original": "python-httpx/0.28.1",
    "network.protocol.version": "1.1",
    "http.response.status_code": "201",
}
RESOURCE = {
    "service.name": "payment-service",
    "service.namespace": "platform",
    "service.version": "0.1.0",
    "service.instance.id": "6f2e1bc2-6f3e-4a94-8c7c-9a1f0f3d2b11",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.1",
}


def attributes(values: dict[str, str]) -> list[KeyValue]:
    """Return attributes as OTLP writes them."""
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


def span(trace_id: bytes, parent: bytes = b"", *, error: bool = False, seconds: float = 0.005, size: int = 0) -> Span:
    """Return a span that ends now; a long attribute makes it as large as `size`, in bytes."""
    end = time.time_ns()
    made = Span(
        trace_id=trace_id,
        span_id=os.urandom(8),
        parent_span_id=parent,
        name="process_transaction" if parent else "POST /transactions",
        kind=Span.SPAN_KIND_INTERNAL if parent else Span.SPAN_KIND_SERVER,
        start_time_unix_nano=end - int(seconds * 1e9),
        end_time_unix_nano=end,
        attributes=attributes(ATTRIBUTES),
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )
    if size > made.ByteSize():
        made.attributes.extend(attributes({"db.query.text": "x" * (size - made.ByteSize())}))
    return made


def request(spans: Sequence[Span]) -> bytes:
    """Return the request that carries these spans."""
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    resource.resource.attributes.extend(attributes(RESOURCE))
    serialized: bytes = ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()
    return serialized


class Sender:
    """Sends requests to one address: `with Sender("127.0.0.1:4317", ca) as sender: sender.send(...)`."""

    def __init__(self, address: str, ca: Path | None = None, token: str = "") -> None:
        """Connect, over TLS if there is a CA to trust, and with a bearer token if there is one."""
        if ca is None:
            self._channel = grpc.insecure_channel(address, compression=grpc.Compression.Gzip)
        else:
            credentials = grpc.ssl_channel_credentials(ca.read_bytes())
            self._channel = grpc.secure_channel(address, credentials, compression=grpc.Compression.Gzip)
        self._export: Any = self._channel.unary_unary(METHOD)
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def __enter__(self) -> Self:
        """Return the sender."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._channel.close()

    def offer(self, payload: bytes) -> str:
        """Send one request once; return the name of the status that answers it."""
        try:
            self._export(payload, timeout=10, wait_for_ready=True, metadata=self._metadata)
        except grpc.RpcError as error:
            name: str = error.code().name
            return name
        return "OK"

    def send(self, payload: bytes) -> None:
        """Send one request and wait until it is taken; try again for 30 s, as an exporter does."""

        def answer() -> str:
            status = self.offer(payload)
            return "" if status == "UNAVAILABLE" else status

        status = wait_until(answer, "a receiver that is available", 30, pause=0.5)
        if status != "OK":
            raise RuntimeError(f"a request of {len(payload):,} bytes was refused: {status}")
