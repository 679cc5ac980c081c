"""What a copy of a span keeps, and what it repairs."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Status, StatusCode

from .conftest import NAME


@pytest.fixture
def scrubbed(telemetry: Any) -> Callable[[ReadableSpan], ReadableSpan]:
    """Return the function that copies a span without its secrets."""
    function: Callable[[ReadableSpan], ReadableSpan] = importlib.import_module(f"{NAME}.scrubbing").scrubbed
    return function


@pytest.fixture
def span() -> Any:
    """Return a span that has not ended."""
    limits = SpanLimits(max_event_attributes=4)
    return TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("t").start_span("work")


class Unprintable:
    """Raises wherever somebody wants to see it."""

    def __str__(self) -> str:
        raise ValueError("no")


def test_an_event_keeps_its_count_of_dropped_attributes(scrubbed: Any, span: Any) -> None:
    """The limit for events drops some of seven: the copy says how many."""
    span.add_event("event", {str(number): number for number in range(7)})
    span.end()
    (event,) = scrubbed(span).events
    assert event.dropped_attributes == span.events[0].dropped_attributes == 3


def test_a_name_that_cannot_be_printed_raises_nothing(scrubbed: Any, span: Any) -> None:
    """The SDK takes any object for a name; the application must not pay for it when the span ends."""
    span.update_name(Unprintable())
    span.add_event(Unprintable())
    span.end()
    copy = scrubbed(span)
    assert (copy.name, copy.events[0].name) == ("<Unprintable>", "<Unprintable>")


def test_an_error_without_a_description_gets_its_exceptions(scrubbed: Any, span: Any) -> None:
    """FastAPI sets ERROR without a word: the exception's text stands there. A given description stays."""
    span.record_exception(LookupError("no stock"))
    span.set_status(Status(StatusCode.ERROR))
    assert scrubbed(span).status.description == "LookupError: no stock"
    span.set_status(Status(StatusCode.ERROR, "sold out"))
    assert scrubbed(span).status.description == "sold out"
