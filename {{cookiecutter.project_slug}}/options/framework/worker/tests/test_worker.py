"""The worker as a sender meets it, and what it tells about that: copy these for your own messages."""

import asyncio
import importlib
import json
import logging
import os
import signal
from collections.abc import Iterable
from typing import Any, Self

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from redis.exceptions import ConnectionError

from .telemetry.fixtures import PACKAGE

server = importlib.import_module(f"{PACKAGE}.server")
transactions = importlib.import_module(f"{PACKAGE}.transactions")
worker = importlib.import_module(f"{PACKAGE}.worker")

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}


class Queue(list[Any]):
    """Stands in for Redis with a list; an exception in it is raised, and where it is empty the worker is stopped."""

    async def blpop(self, keys: list[str], timeout: float) -> tuple[bytes, Any] | None:
        assert (keys, timeout > 0) == ([worker.QUEUE], True)
        if not self:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(timeout)
            return None
        message = self.pop(0)
        if isinstance(message, Exception):
            raise message
        return keys[0].encode(), message

    def rpush(self, key: str, message: str) -> None:
        assert key == worker.QUEUE
        self.append(message)

    async def aclose(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def work_through(monkeypatch: pytest.MonkeyPatch, messages: Iterable[Any]) -> None:
    """Let the worker handle these messages, and stop it by SIGTERM."""
    monkeypatch.setattr(worker.Redis, "from_url", lambda _: Queue(messages))
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0.01)
    asyncio.run(worker.work())


def test_a_message_belongs_to_the_trace_of_its_sender(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is a span with the work below it, and the context in the message is the parent."""
    work_through(monkeypatch, [json.dumps({"amount_cents": 4999} | CALLER)])
    work, message = spans.get_finished_spans()
    assert (work.name, work.attributes) == ("process_transaction", {"payment.amount_cents": 4999})
    assert work.parent == message.context
    assert (message.name, message.kind) == ("process transactions", SpanKind.CONSUMER)
    assert message.parent is not None
    assert (trace.format_trace_id(message.parent.trace_id), message.parent.is_remote) == (TRACE_ID, True)
    assert trace.format_span_id(message.parent.span_id) == SPAN_ID


def test_what_is_sent_is_one_trace(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of send() is the parent of the message's, across the queue."""
    queue = Queue()
    monkeypatch.setattr(server.Redis, "from_url", lambda _: queue)
    server.send(4999)
    work_through(monkeypatch, queue)
    sent, _, message = spans.get_finished_spans()
    assert (sent.name, sent.kind, sent.parent) == ("send transactions", SpanKind.PRODUCER, None)
    assert sent.context is not None
    assert message.parent is not None
    assert (message.parent.trace_id, message.parent.span_id) == (sent.context.trace_id, sent.context.span_id)


def test_messages_without_a_trace_begin_one_each(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of one message's trace is left for the next, whatever its traceparent is."""
    messages: list[dict[str, Any]] = [{"amount_cents": 1} | CALLER, {"amount_cents": 2}]
    strange: list[object] = ["", "00-1-2-3", 5, [], None]
    messages += [{"amount_cents": 3, "traceparent": parent} for parent in strange]
    work_through(monkeypatch, map(json.dumps, messages))
    first, *others = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CONSUMER]
    assert first.parent is not None
    assert [span.parent for span in others] == [None] * 6
    assert len({span.context.trace_id for span in others if span.context}) == 6


def test_no_trace_is_left_behind() -> None:
    """After a message, good or bad, no span is current."""

    async def left(amount: int) -> trace.Span:
        await worker.handle(json.dumps({"amount_cents": amount} | CALLER))
        return trace.get_current_span()

    assert [asyncio.run(left(amount)) for amount in (1, -1)] == [trace.INVALID_SPAN] * 2


def test_an_error_shows_on_its_span(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spans of work that fails have the status ERROR and hold the exception; the next message is handled."""
    monkeypatch.setattr(transactions, "uuid4", iter([]).__next__)
    work_through(monkeypatch, [json.dumps({"amount_cents": 1} | CALLER), '{"amount_cents": 2}'])
    failed = spans.get_finished_spans()
    assert len(failed) == 4
    for span in failed:
        assert span.status.status_code is StatusCode.ERROR
        assert span.events[0].attributes is not None
        assert span.events[0].attributes["exception.type"] == "StopIteration"


@pytest.mark.parametrize("amount", [-1, 49.99, "4999", True, None, 2**63])
def test_a_bad_amount_is_an_error(spans: InMemorySpanExporter, amount: object) -> None:
    """What is no amount is dropped, and the spans say why."""
    asyncio.run(worker.handle(json.dumps({"amount_cents": amount})))
    work, _ = spans.get_finished_spans()
    assert f"amount_cents must be a whole number from 0 to {2**63 - 1}, got {amount!r}" in str(work.status.description)


NO_MESSAGES = {
    "empty": "",
    "cut off": "{",
    "list": "[1]",
    "number": "5",
    "null": "null",
    "no text": b"\xff",
    "nested objects": '{"a":' * 1200,
    "nested lists": "[" * 100_000,
    "huge number": "1" * 5000,
    "name twice": '{"amount_cents": 1, "amount_cents": 2}',
    "number as name": "{1: 2}",
}


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_logged(
    message: str | bytes, logs: InMemoryLogRecordExporter, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no JSON object is one short ERROR, and the message after it is handled."""
    work_through(monkeypatch, [message, '{"amount_cents": 1}'])
    records = [log.log_record for log in logs.get_finished_logs()]
    assert [record.severity_text for record in records] == ["ERROR", "INFO"]
    assert "no JSON object" in str(records[0].body)
    assert len(str(records[0].body)) < 250
    assert len(spans.get_finished_spans()) == 2


@pytest.mark.parametrize("text", ["\ud800", "k=\ud800", "a\r\nb", "\x1b[31m", "k=\u2028"], ids=ascii)
@pytest.mark.parametrize("name", ["traceparent", "baggage", "tracestate"])
def test_what_no_header_can_hold_is_no_message(
    name: str, text: str, logs: InMemoryLogRecordExporter, spans: InMemorySpanExporter
) -> None:
    """A message with a context that could not have come in a header is dropped, and one ERROR says so."""
    asyncio.run(worker.handle(json.dumps({"amount_cents": 1, name: text} | {"traceparent": text})))
    (record,) = [log.log_record for log in logs.get_finished_logs()]
    assert "has characters that no header can have" in str(record.body)
    assert spans.get_finished_spans() == ()


class Panic(BaseException):
    """Stands for what is no Exception, such as a panic in a library written in Rust."""


@pytest.mark.parametrize("error", [RecursionError, MemoryError, SystemExit, Panic])
def test_no_error_of_the_work_stops_the_worker(
    error: type[BaseException], spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the work raises, the next message is handled; an Exception shows on the span of the work."""
    errors = [error("no")]

    def fail_once() -> str:
        if errors:
            raise errors.pop()
        return "id"

    monkeypatch.setattr(transactions, "uuid4", fail_once)
    work_through(monkeypatch, ['{"amount_cents": 1}', '{"amount_cents": 2}'])
    failed, _, good, _ = spans.get_finished_spans()
    assert (failed.status.status_code is StatusCode.ERROR) == issubclass(error, Exception)
    assert good.status.status_code is StatusCode.UNSET


def test_cancelling_is_no_error_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled ends: the worker does not take that for a message that failed."""

    def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(worker, "process_transaction", cancelled)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(worker.handle('{"amount_cents": 1}'))


def test_the_queue_may_go_away(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Redis cannot be reached the worker waits, and then goes on."""
    work_through(monkeypatch, [ConnectionError("gone"), '{"amount_cents": 1}', ConnectionError("again")])
    assert [span.name for span in spans.get_finished_spans()] == ["process_transaction", "process transactions"]


def test_baggage_comes_in_and_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sender put into baggage can be read here and is handed to whom we call."""
    seen: dict[str, object] = {}

    def look(amount_cents: int) -> str:
        seen["tenant"] = baggage.get_baggage("tenant.id")
        propagate.inject(seen)
        return str(amount_cents)

    monkeypatch.setattr(worker, "process_transaction", look)
    asyncio.run(worker.handle(json.dumps({"amount_cents": 1, "baggage": "tenant.id=acme"})))
    assert seen["tenant"] == "acme"
    assert seen["baggage"] == "tenant.id=acme"


def test_a_log_record_knows_its_trace(spans: InMemorySpanExporter, logs: InMemoryLogRecordExporter) -> None:
    """What is logged in the work of a message carries the ids of its span; that it was dropped, those of its trace."""
    asyncio.run(worker.handle(json.dumps({"amount_cents": 1} | CALLER)))
    asyncio.run(worker.handle(json.dumps({"amount_cents": -1} | CALLER)))
    work = spans.get_finished_spans()[0]
    processed, dropped = [log.log_record for log in logs.get_finished_logs()]
    assert work.context is not None
    assert (processed.trace_id, processed.span_id) == (work.context.trace_id, work.context.span_id)
    assert processed.severity_text == logging.getLevelName(logging.INFO)
    assert (dropped.trace_id, dropped.severity_text) == (work.context.trace_id, "ERROR")
