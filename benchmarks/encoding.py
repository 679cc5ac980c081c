"""`python -m benchmarks.encoding`: CPU time to encode a span and a log record, by the exporters' encoder and by ours.

Both run in this process, in turns, on the same items; what is encoded is serialized, as an exporter does.
"""

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from types import ModuleType
from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, use_span

from tests.source import template

ROUNDS = 60
REQUESTS = 256  # of 2 spans: one batch of the SDK's default size
SERVER: dict[str, str | int] = {
    "http.request.method": "POST",
    "http.route": "/transactions",
    "http.response.status_code": 201,
    "network.protocol.version": "1.1",
    "server.address": "127.0.0.1",
    "server.port": 8000,
    "url.path": "/transactions",
    "url.scheme": "http",
    "user_agent.original": "python-httpx/0.28.1",
}
RESOURCE = Resource({f"attribute.{number}": f"value {number}" for number in range(10)})


def main() -> None:
    """Print a line for spans and one for log records."""
    ours = _encoding()
    print(f"{'':<12}{'stock':>10}{'direct':>10}{'ratio':>8}")
    _measure("span", _spans(), encode_spans, ours.encode_spans)
    _measure("log record", _log_records(), encode_logs, ours.encode_logs)


def _encoding() -> Any:
    """Return telemetry/export/encoding, from the template."""
    package = ModuleType("export")
    package.__path__ = [str(template.PROJECT / template.TELEMETRY / "export")]
    sys.modules["export"] = package
    return importlib.import_module("export.encoding")


def _spans() -> Sequence[Any]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    server, inner = (provider.get_tracer(name) for name in ("fastapi", "payment_service"))
    for number in range(REQUESTS):
        span = server.start_span("POST /transactions", kind=SpanKind.SERVER, attributes=SERVER)
        with use_span(span, end_on_exit=True):
            inner.start_span("process_transaction", attributes={"payment.amount_cents": number}).end()
    return exporter.get_finished_spans()


def _log_records() -> Sequence[Any]:
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("payment_service")
    for number in range(REQUESTS):
        logger.emit(
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body=f"processed transaction {number}",
            attributes={"code.file.path": "app.py", "code.function.name": "create", "code.line.number": 40},
        )
    return exporter.get_finished_logs()


def _measure(what: str, items: Sequence[Any], *encoders: Callable[[Sequence[Any]], Any]) -> None:
    """Print the median CPU time of each encoder for an item, in microseconds."""
    times: list[list[float]] = [[] for _ in encoders]
    for _ in range(ROUNDS):
        for encode, spent in zip(encoders, times, strict=True):
            began = time.thread_time()
            encode(items).SerializePartialToString()
            spent.append((time.thread_time() - began) / len(items) * 1e6)
    stock, direct = map(median, times)
    print(f"{what:<12}{stock:>7.1f} µs{direct:>7.1f} µs{direct / stock:>8.2f}")


if __name__ == "__main__":
    main()
