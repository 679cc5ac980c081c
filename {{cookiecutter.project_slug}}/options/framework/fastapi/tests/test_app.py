"""The service as a client meets it, and what it tells about that: copy these for your own routes."""

import importlib
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from .telemetry.fixtures import PACKAGE, Measured

# By name, so that this file reads the same in every service; `from your_package import app` does as well.
app = importlib.import_module(f"{PACKAGE}.app")
transactions = importlib.import_module(f"{PACKAGE}.transactions")


def test_a_request_is_one_trace(client: TestClient, spans: InMemorySpanExporter) -> None:
    """A request makes a server span, and the work inside it a child."""
    assert client.post("/transactions?card=4111", json={"amount_cents": 4999}).status_code == 201
    work, request = spans.get_finished_spans()
    assert (request.name, request.kind, request.parent) == ("POST /transactions", SpanKind.SERVER, None)
    assert request.attributes is not None
    assert request.attributes["url.query"] == "card=REDACTED"
    assert (work.name, work.attributes) == ("process_transaction", {"payment.amount_cents": 4999})
    assert work.parent is not None
    assert work.parent == request.context


def test_a_trace_goes_on_where_the_caller_began_it(client: TestClient, spans: InMemorySpanExporter) -> None:
    """The traceparent header makes the caller's span the parent."""
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    client.post("/transactions", json={"amount_cents": 1}, headers=caller)
    request = spans.get_finished_spans()[-1]
    assert request.parent is not None
    assert trace.format_trace_id(request.parent.trace_id) == "0af7651916cd43dd8448eb211c80319c"
    assert trace.format_span_id(request.parent.span_id) == "b7ad6b7169203331"


def test_an_error_shows_on_its_spans(
    client: TestClient, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both spans of a request that fails have the status ERROR; the one that raised holds the exception."""

    def fail() -> None:
        raise RuntimeError("ledger closed")

    monkeypatch.setattr(transactions, "uuid4", fail)
    assert client.post("/transactions", json={"amount_cents": 1}).status_code == 500
    work, request = spans.get_finished_spans()
    assert (work.status.status_code, request.status.status_code) == (StatusCode.ERROR, StatusCode.ERROR)
    assert work.events[0].attributes is not None
    assert work.events[0].attributes["exception.message"] == "ledger closed"
    assert request.attributes is not None
    assert request.attributes["error.type"] == "RuntimeError"


@pytest.mark.parametrize("amount", [-1, 49.99, 5.0, "4999", True, None, 2**63])
def test_a_bad_amount_is_refused(client: TestClient, spans: InMemorySpanExporter, amount: object) -> None:
    """The client gets 422, and the span says so; by the conventions that is no error of the server."""
    assert client.post("/transactions", json={"amount_cents": amount}).status_code == 422
    (request,) = spans.get_finished_spans()
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 422
    assert request.status.status_code is StatusCode.UNSET


def test_health_is_never_traced(
    client: TestClient, spans: InMemorySpanExporter, metrics: Callable[[], Measured]
) -> None:
    """Probes leave neither spans nor metrics; the request after them does, so that we would have seen theirs."""
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get("/no-such-page")
    assert [span.name for span in spans.get_finished_spans()] == ["GET"]
    measured = metrics()
    assert measured.number("http.server.request.duration") == 1
    assert measured.number("http.server.request.duration", {"http.response.status_code": 404}) == 1


def test_baggage_comes_in_and_goes_out(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller put into baggage can be read here and is handed to whom we call."""
    seen: dict[str, object] = {}

    def look(amount_cents: int) -> str:
        seen["tenant"] = baggage.get_baggage("tenant.id")
        propagate.inject(seen)
        return str(amount_cents)

    monkeypatch.setattr(app, "process_transaction", look)
    client.post("/transactions", json={"amount_cents": 1}, headers={"baggage": "tenant.id=acme"})
    assert seen["tenant"] == "acme"
    assert seen["baggage"] == "tenant.id=acme"
