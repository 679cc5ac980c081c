"""A small program that does a little of everything telemetry is made of; run by a generated service's own Python.

`probe.py PACKAGE SECONDS` sets telemetry up as the service does, makes spans, metrics and a log line, waits so many
seconds, prints one line of what only the process itself can know, and shuts down. It must not import the harness.
"""

import importlib
import json
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

MARK = "PROBE "  # begins the line that holds the JSON
MANY = 130  # more than the SDK's limit of 128 attributes, events and links
LONG = 300  # characters: compresses well, and is longer than any limit under test


class Shop(BaseHTTPRequestHandler):
    """Answers every GET with 200 and no body."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep standard output for what is under test."""


def call_a_shop() -> None:
    """Send one request with httpx to a server in this process."""
    httpx = importlib.import_module("httpx")
    with HTTPServer(("127.0.0.1", 0), Shop) as server:
        server.timeout = 5
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with httpx.Client(verify=False, timeout=5) as client:  # no TLS here, and its set-up is slow
            client.get(f"http://127.0.0.1:{server.server_address[1]}/orders?card=4111")
        thread.join(5)


def work() -> dict[str, Any]:
    """Make a trace, metrics and a log line; return what was seen in the process while they were made."""
    # Here and not above: the service's package must be the first to import OpenTelemetry.
    from opentelemetry import baggage, context, metrics, propagate, trace

    def slowly(_: metrics.CallbackOptions) -> list[metrics.Observation]:
        time.sleep(0.005)  # longer than the shortest time limit under test
        return [metrics.Observation(1)]

    tracer, meter, seen = trace.get_tracer("probe"), metrics.get_meter("probe"), dict[str, Any]()
    attributes = {f"many.{number:03}": "t" * LONG for number in range(MANY)}
    elsewhere = trace.SpanContext(0xC0FFEE, 0xBEEF, is_remote=True, trace_flags=trace.TraceFlags(0))
    links = [trace.Link(elsewhere)] * (MANY - 1) + [trace.Link(elsewhere, attributes)]
    with tracer.start_as_current_span("order", attributes=attributes, links=links) as span:
        for number in range(MANY):
            span.add_event("item", attributes if number == MANY - 1 else {})
        if kept := getattr(span, "links", None):
            seen["link_attributes"] = len(kept[-1].attributes)
        meter.create_counter("probe.orders").add(1, {"note": "m" * LONG})
        meter.create_histogram("probe.duration").record(0.1)
        for name in ("probe.stock", "probe.shelf"):  # two: the SDK looks at the clock before it uses the second's
            meter.create_observable_gauge(name, [slowly])
        logging.getLogger("probe").info("ordered", extra=dict.fromkeys(attributes, "l" * LONG))
        logging.getLogger("probe").info("paid")
        tracer.start_span("payment", attributes={"url.full": "https://bank.example/?card=4111"}).end()

        parents = []
        thread = threading.Thread(target=lambda: parents.append(trace.get_current_span().get_span_context().span_id))
        thread.start()
        thread.join()
        seen["thread_in_trace"] = parents == [span.get_span_context().span_id] and parents != [0]

        carrier: dict[str, str] = {}
        propagate.inject(carrier, baggage.set_baggage("tenant.id", "acme"))
        seen["propagated"] = sorted(carrier)
        call_a_shop()

    unsampled = trace.set_span_in_context(trace.NonRecordingSpan(elsewhere), context.Context())
    tracer.start_span("continued", unsampled).end()
    return seen


def main() -> None:
    """Run once, from configure() to shutdown()."""
    package, seconds = sys.argv[1:]
    telemetry = importlib.import_module(f"{package}.telemetry")
    telemetry.configure()
    seen = work()
    time.sleep(float(seconds))
    print(MARK + json.dumps(seen | {"stopping_at": time.monotonic()}), flush=True)
    telemetry.shutdown()


if __name__ == "__main__":
    main()
