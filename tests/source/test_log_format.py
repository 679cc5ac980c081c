"""How a record looks: a line for people, or a JSON object for machines; nothing from outside breaks either."""

import importlib
import json
import logging
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from .conftest import NAME

CONTEXT = trace.set_span_in_context(NonRecordingSpan(SpanContext(0xABC, 0xDEF, False)))
IDS = {"trace_id": f"{0xABC:032x}", "span_id": f"{0xDEF:016x}"}


@pytest.fixture
def log_format(telemetry: Any) -> Any:
    """Return the module."""
    return importlib.import_module(f"{NAME}.log_format")


class Unprintable:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("no")

    __str__ = __repr__


def line(formatter: Any, message: object = "sold out", *, within: bool = True, **extra: object) -> str:
    """Return the line of a record that was logged inside a span."""
    record = logging.makeLogRecord({"name": "shop", "levelno": 30, "levelname": "WARNING", "msg": message} | extra)
    token = importlib.import_module("opentelemetry.context").attach(CONTEXT) if within else None
    try:
        return str(formatter.format(record))
    finally:
        if token:
            importlib.import_module("opentelemetry.context").detach(token)


def raised() -> Any:
    """Return what sys.exc_info() says of an exception."""
    try:
        raise LookupError("no\nstock")
    except LookupError:
        return sys.exc_info()


def test_json_has_everything_in_one_object(log_format: Any) -> None:
    """Time with its zone, level, logger, message, ids, the extra fields and the exception in one text."""
    text = line(log_format.JsonLines(), order=7, items=["a", {"b": None}], exc_info=raised())
    assert "\n" not in text
    fields = json.loads(text)
    assert fields.pop("time").endswith("+00:00")
    exception = fields.pop("exception")
    assert exception.startswith("Traceback (most recent call last):")
    assert exception.endswith("LookupError: no\nstock")
    expected = {"level": "WARNING", "logger": "shop", "message": "sold out", "order": 7, "items": ["a", {"b": None}]}
    assert fields == expected | IDS


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "NaN"),
        ([1, float("-inf")], [1, "-Infinity"]),
        ("NaN\r\n\x1b\u2028", "NaN\r\n\x1b\u2028"),
        (b"bytes", "Ynl0ZXM="),
        (2**70, 2**70),
    ],
)
def test_json_is_json_whatever_is_logged(value: object, shown: object, log_format: Any) -> None:
    """A strict reader understands each line: no NaN, no line break, no terminal's control character."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = line(log_format.JsonLines(), order=value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text, parse_constant=refuse)["order"] == shown


def test_json_shows_what_cannot_be_shown(log_format: Any) -> None:
    """An object that raises when it is printed costs neither the line nor its other fields."""
    fields = json.loads(line(log_format.JsonLines(), bad=Unprintable(), good=1))
    assert (fields["message"], fields["good"]) == ("sold out", 1)


def test_the_ids_are_the_spans(log_format: Any) -> None:
    """A field of that name does not take the place of the id, and outside a span there is none."""
    fields = json.loads(line(log_format.JsonLines(), trace_id="mine", level="forged", time="never"))
    assert (fields["trace_id"], fields["extra.trace_id"]) == (IDS["trace_id"], "mine")
    assert (fields["level"], fields["extra.level"]) == ("WARNING", "forged")
    assert fields["time"] != "never"
    assert "span_id" not in json.loads(line(log_format.JsonLines(), within=False))


def test_a_message_of_a_client_forges_nothing(log_format: Any) -> None:
    """A mapping for a message is its text: its fields are not the record's."""
    payload = {"levelname": "CRITICAL", "name": "billing", "message": "forged", "trace_id": "ff", "exc_info": "x"}
    fields = json.loads(line(log_format.JsonLines(), payload, within=False))
    assert (fields["level"], fields["logger"], fields["message"]) == ("WARNING", "shop", str(payload))
    assert {*fields} == {"level", "logger", "message", "time"}


CYCLE: dict[str, Any] = {}
CYCLE["me"] = CYCLE
DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [{(1, 2): 3}, {b"a": b"b"}, CYCLE, DEEP, Unprintable()],
    ids=["tuple", "bytes", "cycle", "depth", "unprintable"],
)
def test_nothing_in_extra_costs_the_line(value: object, log_format: Any) -> None:
    """Keys that are no texts, cycles, depth and objects that raise: message and exception are there in either form."""
    text = line(log_format.TraceFormatter(log_format.TEXT), bad=value, good=1)
    assert "sold out" in text
    assert "good=1" in text
    fields = json.loads(line(log_format.JsonLines(), bad=value, good=1, exc_info=raised()))
    assert (fields["message"], fields["level"]) == ("sold out", "WARNING")
    assert fields["exception"].endswith("LookupError: no\nstock")


def test_text_shows_extra_too(log_format: Any) -> None:
    """What is given as `extra` stands behind the message, before the ids, and breaks no line."""
    text = line(log_format.TraceFormatter(log_format.TEXT), order=7, note="a\nb \x1b[0m", color_message="x")
    ids = f"trace_id={IDS['trace_id']} span_id={IDS['span_id']}"
    assert text.endswith(rf" WARNING shop: sold out order=7 note='a\nb \x1b[0m' {ids}")


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        ("", "TraceFormatter", ""),
        ("text", "TraceFormatter", ""),
        ("json", "JsonLines", ""),
        ("xml", "TraceFormatter", "LOG_FORMAT must be text or json, got xml; text is used"),
    ],
)
def test_the_environment_chooses(
    value: str, kind: str, problem: str, log_format: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LOG_FORMAT is text or json; anything else is told, and text."""
    monkeypatch.setenv("LOG_FORMAT", value)
    assert type(log_format.log_formatter()).__name__ == kind
    assert log_format.problem() == problem
