"""The context of a trace reaches threads, log records and the services that you call, whatever began the trace."""

import logging
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
from opentelemetry import trace
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

tracer = trace.get_tracer(__name__)


def test_a_thread_keeps_its_parent(spans: InMemorySpanExporter) -> None:
    """Work handed to a thread pool stays in the trace that handed it over."""
    with tracer.start_as_current_span("work") as work, ThreadPoolExecutor() as pool:
        pool.submit(lambda: tracer.start_span("background").end()).result()
    background = spans.get_finished_spans()[0]
    assert background.parent == work.get_span_context()


def test_a_log_record_knows_its_trace(logs: InMemoryLogRecordExporter) -> None:
    """What is logged in a span carries its ids, and its severity."""
    with tracer.start_as_current_span("work") as work:
        logging.getLogger("shop").warning("sold out")
    (record,) = [log.log_record for log in logs.get_finished_logs()]
    context = work.get_span_context()
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert record.severity_text == "WARN"


def test_an_outgoing_call_carries_the_trace_on(spans: InMemorySpanExporter) -> None:
    """A call by httpx is a client span, and the server that is called finds the traceparent of that span.

    The server is a real one: httpx.MockTransport would go past the instrumentation.
    """
    received: dict[str, str] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.update(self.headers)
            self.send_response(204)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        httpx.get(f"http://127.0.0.1:{server.server_port}/stock?token=s3cret")
    (call,) = spans.get_finished_spans()
    assert (call.name, call.kind) == ("GET", SpanKind.CLIENT)
    assert call.attributes is not None
    assert str(call.attributes["url.full"]).endswith("/stock?token=REDACTED")
    assert call.context is not None
    assert trace.format_span_id(call.context.span_id) in received["traceparent"]
