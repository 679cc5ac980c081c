"""The tasks as a sender meets them, and what they tell about that: copy these for your own tasks."""

import importlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from .telemetry.fixtures import PACKAGE

tasks = importlib.import_module(f"{PACKAGE}.tasks")
transactions = importlib.import_module(f"{PACKAGE}.transactions")
tracer = trace.get_tracer(__name__)


@tasks.app.task(bind=True, default_retry_delay=0)  # type: ignore[untyped-decorator]
def retried_once(self: Any) -> None:
    """Fail at first, and not when tried again."""
    if self.request.retries == 0:
        raise self.retry(exc=RuntimeError("not yet"))


@pytest.fixture(scope="module", autouse=True)
def _worker() -> Iterator[None]:
    """Run a worker in a thread, with a queue in memory: the messages are real, and Redis is not needed."""
    tasks.app.conf.update(broker_url="memory://", broker_transport_options={"polling_interval": 0.01})
    with start_worker(tasks.app, perform_ping_check=False):
        yield


@pytest.fixture
def finished(spans: InMemorySpanExporter) -> Callable[[int], list[ReadableSpan]]:
    """Return a function that waits, 10 s at most, until so many spans have ended, and returns them."""

    def wait(number: int) -> list[ReadableSpan]:
        end = time.monotonic() + 10
        while len(spans.get_finished_spans()) < number and time.monotonic() < end:
            time.sleep(0.01)
        found = sorted(spans.get_finished_spans(), key=lambda span: span.end_time or 0)
        assert len(found) == number, [span.name for span in found]
        return found

    return wait


NAMES = ("run process_transaction", "send process_transaction")


def below_the_queue(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """Return the spans of the task and its work, without the sender's."""
    return [span for span in spans if span.kind is not SpanKind.PRODUCER]


def test_a_task_belongs_to_the_trace_of_its_sender(finished: Callable[[int], list[ReadableSpan]]) -> None:
    """What sends a task, the task and the work in it are one trace, across the queue."""
    with tracer.start_as_current_span("sender"):
        tasks.process_transaction.delay(4999)
    spans = {span.name: span for span in finished(4)}
    work, task, sender = (spans[name] for name in ("process_transaction", *NAMES))
    assert sender.kind is SpanKind.PRODUCER
    assert sender.parent == spans["sender"].context
    assert sender.attributes is not None
    assert sender.attributes["messaging.destination.name"] == "celery"
    assert sender.context is not None
    assert (task.name, task.kind) == ("run process_transaction", SpanKind.CONSUMER)
    assert task.parent is not None
    assert (task.parent.span_id, task.parent.is_remote) == (sender.context.span_id, True)
    assert (work.name, work.attributes) == ("process_transaction", {"payment.amount_cents": 4999})
    assert work.parent == task.context


def test_a_task_without_a_trace_begins_one(finished: Callable[[int], list[ReadableSpan]]) -> None:
    """Each task that is sent outside of any trace has a trace of its own."""
    for amount in (1, 2):
        tasks.process_transaction.delay(amount)
    roots = [span for span in finished(6) if span.parent is None]
    assert [span.name for span in roots] == ["send process_transaction"] * 2
    assert len({span.context.trace_id for span in roots if span.context}) == 2


def test_an_error_shows_on_its_spans(
    finished: Callable[[int], list[ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both spans of a task that fails have the status ERROR, and hold the exception."""

    def fail() -> None:
        raise RuntimeError("ledger closed")

    monkeypatch.setattr(transactions, "uuid4", fail)
    tasks.process_transaction.delay(1)
    for span in below_the_queue(finished(3)):
        assert span.status.status_code is StatusCode.ERROR
        assert span.events[0].attributes is not None
        assert span.events[0].attributes["exception.message"] == "ledger closed"
    assert span.attributes is not None
    assert span.attributes["error.type"] == "RuntimeError"


@pytest.mark.parametrize("amount", [-1, 49.99, "4999", True, None, 2**63])
def test_a_bad_amount_fails_the_task(finished: Callable[[int], list[ReadableSpan]], amount: object) -> None:
    """What is no amount fails, and the spans say why."""
    tasks.process_transaction.delay(amount)
    for span in below_the_queue(finished(3)):
        assert f"amount_cents must be a whole number from 0 to {2**63 - 1}, got {amount!r}" in str(
            span.status.description
        )


def test_a_retry_is_a_child_of_what_it_repeats(finished: Callable[[int], list[ReadableSpan]]) -> None:
    """A task that is tried again is one trace: the first attempt shows its error, the second none."""

    retried_once.delay()
    first, second = [span for span in finished(4) if span.kind is SpanKind.CONSUMER]
    again = next(span for span in finished(4) if span.parent == first.context)
    assert first.attributes is not None
    assert (first.status.status_code, first.attributes["error.type"]) == (StatusCode.ERROR, "RuntimeError")
    assert second.status.status_code is StatusCode.UNSET
    assert first.context is not None
    assert second.parent is not None
    assert again.context is not None
    assert second.parent.span_id == again.context.span_id


def test_a_task_that_is_run_in_place_is_a_child(spans: InMemorySpanExporter) -> None:
    """apply() crosses no queue: the task's span belongs to the span that is current, and leaves it current."""
    with tracer.start_as_current_span("caller") as caller:
        tasks.process_transaction.apply([1])
        assert trace.get_current_span() is caller
    _, task, _ = spans.get_finished_spans()
    assert task.parent == caller.get_span_context()


def test_baggage_comes_in_and_goes_out(
    finished: Callable[[int], list[ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sender put into baggage can be read in the task, and is handed to whom the task calls."""
    seen: dict[str, object] = {}

    def look(amount_cents: int) -> str:
        seen["tenant"] = baggage.get_baggage("tenant.id")
        propagate.inject(seen)
        return str(amount_cents)

    monkeypatch.setattr(transactions, "process_transaction", look)
    token = context.attach(baggage.set_baggage("tenant.id", "acme"))
    tasks.process_transaction.delay(1)
    context.detach(token)
    finished(2)
    assert seen["tenant"] == "acme"
    assert seen["baggage"] == "tenant.id=acme"


def test_a_log_record_knows_its_trace(
    finished: Callable[[int], list[ReadableSpan]], logs: InMemoryLogRecordExporter
) -> None:
    """What is logged in a task carries the ids of the span that it was logged in."""
    tasks.process_transaction.delay(1)
    work, _ = below_the_queue(finished(3))
    (record,) = [log.log_record for log in logs.get_finished_logs() if "processed" in str(log.log_record.body)]
    assert work.context is not None
    assert (record.trace_id, record.span_id) == (work.context.trace_id, work.context.span_id)
    assert record.severity_text == logging.getLevelName(logging.INFO)
