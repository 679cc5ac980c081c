"""What waits is bounded in bytes, and a flush in time."""

import importlib
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

from .conftest import NAME

KILOBYTE = 1024
MOST = 4 * 1024 * KILOBYTE  # that may wait; the service lets sixteen times as much wait


def module(name: str) -> Any:
    """Return a module of telemetry/."""
    return importlib.import_module(f"{NAME}.{name}")


class Away:
    """An exporter's place: it holds what it gets, and answers when it is told to."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers
        self.is_back = threading.Event()
        self.taken = 0  # how many items; who keeps them takes their room

    def export(self, part: list[Any]) -> Any:
        """Take a part, or say that nobody is there."""
        if not self.is_back.wait(0.02):
            self.answers.remember(self.answers.Answer(self.answers.Verdict.AGAIN, "away"))
            return self.answers.Verdict.AGAIN
        self.taken += len(part)
        return type("Result", (), {"name": "SUCCESS"})

    def shutdown(self) -> None:
        """End."""


@pytest.fixture
def receiver(telemetry: Any) -> Any:
    """Return a receiver that is away."""
    return Away(telemetry.answers)


@pytest.fixture
def tracer(telemetry: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a tracer whose spans wait for a receiver that is away."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16384")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4096")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "131072")
    monkeypatch.setattr(module("processors"), "WHOLE_BYTES", MOST // 2)
    monkeypatch.setattr(module("processors"), "ALL_BYTES", MOST)
    exporter = telemetry.retrying.RetryingExporter(receiver, telemetry.items.SPANS)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(module("processors").ScrubbingProcessor(exporter))
    yield provider.get_tracer("t")
    receiver.is_back.set()
    provider.shutdown()


def wide_state(number: int) -> TraceState:
    """Return a trace state of 16 kB, as a client may send it."""
    return TraceState([(f"k{entry}", f"{number:256}") for entry in range(32)])


def parent(number: int) -> Any:
    """Return a context whose span comes from such a client."""
    trace = importlib.import_module("opentelemetry.trace")
    context = SpanContext(1, 1, True, TraceFlags(1), wide_state(number))
    return trace.set_span_in_context(trace.NonRecordingSpan(context))


def end(tracer: Any, shape: str, number: int) -> None:
    """End a span whose weight is in a place of its own."""
    span = tracer.start_span("work", context=parent(number) if shape == "trace state" else None)
    if shape == "list":
        span.set_attribute("list", [f"{number}{item:99}" for item in range(1000)])
    elif shape == "bytes":
        span.set_attribute("bytes", bytes(100 * KILOBYTE))
    elif shape == "mapping":
        span.set_attribute("mapping", {f"{key}": [f"{number}" * 100] * 10 for key in range(10)})
    elif shape == "attributes":
        span.set_attributes({f"{key}": f"{number:4000}" for key in range(128)})
    elif shape == "emoji":
        span.record_exception(ValueError("\N{PILE OF POO}" * 20_000))
    elif shape == "events":
        for event in range(128):
            span.add_event(f"{number}", {f"{event}": f"{number:200}"})
    elif shape == "event names":
        for event in range(128):
            span.add_event(f"{event:2000}")
    elif shape == "keys":
        span.set_attributes({f"{number}{key:2000}": 1 for key in range(100)})
    elif shape == "name":
        span.update_name("\N{PILE OF POO}" * 4090)
        span.set_status(Status(StatusCode.ERROR, "\N{PILE OF POO}" * 4090))
    elif shape == "states of links":
        for link in range(20):
            span.add_link(SpanContext(1, 1, True, TraceFlags(1), wide_state(link)))
    elif shape == "links":
        for link in range(128):
            span.add_link(SpanContext(1, 1, True), {f"{link}": f"{number:200}"})
    span.end()


SHAPES = ["list", "bytes", "mapping", "attributes", "emoji", "events", "links", "trace state"]
SHAPES += ["event names", "keys", "name", "states of links"]


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_is_heavy_in_a_span_is_bounded(
    shape: str, tracer: Any, receiver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Twice as much as there is room for waits: no more than that and a tenth is kept, and each span is sent or counted."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        end(tracer, shape, 0)
        one = max(tracemalloc.get_traced_memory()[0] - before, 10 * KILOBYTE)
        number = 1 + 2 * MOST // one
        for index in range(1, number):
            end(tracer, shape, index)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 1.1 * MOST
    receiver.is_back.set()
    tracer.span_processor.force_flush()
    lost = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    tracer.span_processor.shutdown()
    dropped = number - receiver.taken
    assert dropped >= 0
    assert bool(dropped) == bool(lost)
    if dropped > 1:
        assert caplog.records[-1].getMessage() == f"{dropped} spans dropped since the start"


@pytest.mark.parametrize("body", [True, False], ids=["body", "attribute"])
def test_whatever_is_heavy_in_a_log_record_is_bounded(
    body: bool, telemetry: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A body or an attribute that is a mapping counts; each record is sent or counted."""
    monkeypatch.setattr(module("processors"), "WHOLE_BYTES", MOST // 2)
    monkeypatch.setattr(module("processors"), "ALL_BYTES", MOST)
    exporter = telemetry.retrying.RetryingExporter(receiver, telemetry.items.LOG_RECORDS)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(module("processors").BoundedLogProcessor(exporter))
    heavy = {f"{key}": [f"{key:99}"] * 10 for key in range(100)}
    for number in range(200):
        record = {"body": heavy} if body else {"body": "short", "attributes": {"heavy": heavy, "number": number}}
        provider.get_logger("t").emit(LogRecord(**record))
    assert MOST / 2 < exporter.large_items.bytes < MOST
    receiver.is_back.set()
    assert provider.force_flush()
    provider.shutdown()
    assert 0 < receiver.taken < 200
    assert caplog.records[-1].getMessage() == f"{200 - receiver.taken} log records dropped since the start"


def test_links_and_empty_spans_count_as_what_they_are(telemetry: Any) -> None:
    """A span without anything is small, and so is an honest one."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    plain = tracer.start_span("plain", links=[Link(SpanContext(1, 1, False))])
    plain.set_attributes({f"http.attribute.{number}": "an honest value" for number in range(14)})
    assert 0 < telemetry.items.SPANS.memory(plain) < module("export.limits").SMALL_BYTES


def test_what_has_been_sent_makes_room(tracer: Any, receiver: Any) -> None:
    """The count of large items is of those that wait, and not of all that ever did."""
    receiver.is_back.set()
    for number in range(300):
        end(tracer, "list", number)
        if number % 20 == 0:
            assert tracer.span_processor.force_flush()
    assert tracer.span_processor.force_flush()
    assert receiver.taken == 300


def test_a_flush_ends_in_time(tracer: Any, receiver: Any) -> None:
    """force_flush() gives up when its time is over, and a later one still sends everything."""
    tracer.start_span("work").end()
    in_any_case = threading.Timer(20, receiver.is_back.set)
    in_any_case.start()
    for _ in range(3):
        began = time.monotonic()
        assert not tracer.span_processor.force_flush(100)
        assert time.monotonic() - began < 2
    receiver.is_back.set()
    assert tracer.span_processor.force_flush(10_000)
    assert receiver.taken == 1
    in_any_case.cancel()


def test_flushes_at_once_all_see_the_end(tracer: Any, receiver: Any) -> None:
    """Four threads that flush together are each told that everything was sent."""
    receiver.is_back.set()
    results: list[bool] = []
    for _ in range(10):
        tracer.start_span("work").end()
        threads = [
            threading.Thread(target=lambda: results.append(tracer.span_processor.force_flush(10_000))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert results == [True] * 40


def test_a_lock_may_be_taken_twice(telemetry: Any) -> None:
    """A signal handler or the garbage collector may end a span in the middle of counting one."""
    backlog = telemetry.outage.Backlog(10)
    sender = telemetry.sending.Sender(telemetry.items.SPANS, print)
    items = module("export.limits").LargeItems()
    for lock in (backlog._lock, sender._lock, items._lock):
        assert lock.acquire(timeout=1)
        assert lock.acquire(timeout=1)


def test_a_child_counts_anew(telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parent holds is no longer counted after a fork, and is not taken off again when it goes."""
    items = module("export.limits").LargeItems()
    of_parent, of_child = Away(telemetry.answers), Away(telemetry.answers)
    assert items.reserve(of_parent, 5000, 10_000)
    items.renew()
    assert items.reserve(of_child, 6000, 10_000)
    del of_parent
    assert items.bytes == 6000
    del of_child
    assert items.bytes == 0


def test_a_body_may_be_anything(telemetry: Any) -> None:
    """A list that is in itself has an end, shared lists count once, and an object that has no size counts nothing."""

    class Sizeless:
        def __sizeof__(self) -> int:
            raise ValueError

    cycle: list[Any] = [Sizeless()]
    cycle.append({"cycle": cycle})
    shared: list[Any] = ["x" * 1000] * 10
    for _ in range(12):
        shared = [shared] * 10
    memory_inside = module("export.limits").memory_inside
    assert 0 < memory_inside([cycle]) < 10_000
    assert memory_inside([shared]) < 100_000
