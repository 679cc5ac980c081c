"""telemetry/export/encoding writes the bytes that the exporters' own encoder would, and cleans what that one cannot write."""

import importlib
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from http import HTTPMethod, HTTPStatus
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from ..harness.receiver import Receiver
from . import template

NAME = "encoding_under_test"
MANY = settings(
    max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load(module: str, monkeypatch: pytest.MonkeyPatch, folder: str = "") -> Any:
    """Import a module of telemetry/export anew, with the files that `folder` of options/ adds, and without the rest."""
    roots = [template.PROJECT, template.PROJECT / "options" / folder]
    for part in [part for part in sys.modules if part.startswith(f"{NAME}.")]:
        monkeypatch.delitem(sys.modules, part)
    for package, below in ((NAME, ""), (f"{NAME}.export", "export")):
        parent = ModuleType(package)
        parent.__path__ = [str(root / template.TELEMETRY / below) for root in roots]
        monkeypatch.setitem(sys.modules, package, parent)
    return importlib.import_module(f"{NAME}.export.{module}")


@pytest.fixture
def encoding(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return telemetry/export/encoding as it is in a process that starts."""
    return load("encoding", monkeypatch)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Write no lines of the SDK: it tells each attribute that it drops."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


# What an item can carry.


class Ratio(float):
    """A subclass, as numpy has one."""


UINT64 = st.integers(0, 2**64 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 127, 128, 2**63 - 1, -(2**63)])
TEXT = st.text(max_size=80) | st.sampled_from(["", "a" * 63, "a" * 64, "a" * 127, "a" * 128, "ä" * 64, "a" * 20_000])
SUBCLASSES = st.sampled_from([HTTPStatus.OK, HTTPMethod.GET, re.IGNORECASE | re.DOTALL, Ratio(1.5)])
SCALARS = SUBCLASSES | st.none() | st.booleans() | INT64 | st.floats() | TEXT | st.binary(max_size=200)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
DICTS = st.dictionaries(TEXT.filter(bool), VALUES, max_size=6)
BOUNDED = st.builds(BoundedAttributes, st.none() | st.integers(0, 3), DICTS)  # drops what is above its limit
ATTRIBUTES = st.none() | DICTS | BOUNDED
STATES = st.builds(
    TraceState, st.lists(st.tuples(st.sampled_from(["a", "b@c", "d"]), st.sampled_from(["1", "x y"])), max_size=3)
)
FLAGS = st.integers(0, 255).map(TraceFlags)
CONTEXTS = st.builds(
    SpanContext, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.booleans(), FLAGS, st.none() | STATES
)
EVENTS = st.builds(Event, TEXT, ATTRIBUTES, UINT64)
LINKS = st.builds(Link, CONTEXTS, ATTRIBUTES)
STATUSES = st.builds(Status, st.sampled_from(StatusCode)) | st.builds(
    Status, st.just(StatusCode.ERROR), st.none() | TEXT
)
# The stock encoder compares resources and scopes, and ours what is sent of them. So no two here differ by 1 and True
# only, or by what is left out where it is empty.
PLAIN = st.dictionaries(TEXT.filter(bool), TEXT | st.lists(TEXT), max_size=4)
RESOURCES = st.builds(Resource, PLAIN, st.none() | TEXT)
VERSIONS = st.none() | TEXT.filter(bool)
SCOPES = st.none() | st.builds(InstrumentationScope, TEXT.filter(bool), VERSIONS, st.none() | TEXT, st.none() | PLAIN)


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return sequences, some of which have dropped items."""
    lists = st.lists(items, max_size=3)
    return lists | st.builds(BoundedList.from_seq, st.integers(1, 3), lists)


def span(resource: Resource, scope: InstrumentationScope | None, fields: dict[str, Any]) -> ReadableSpan:
    """Return a span."""
    return ReadableSpan(resource=resource, instrumentation_scope=scope, **fields)


SPAN_FIELDS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "context": CONTEXTS,
        "parent": st.none() | CONTEXTS,
        "attributes": ATTRIBUTES,
        "events": some(EVENTS),
        "links": some(LINKS),
        "kind": st.sampled_from(SpanKind),
        "status": STATUSES,
        "start_time": st.none() | UINT64,
        "end_time": st.none() | UINT64,
    }
)


def record(resource: Resource, scope: InstrumentationScope | None, fields: dict[str, Any]) -> ReadableLogRecord:
    """Return a log record."""
    made = LogRecord()
    for name, value in fields.items():
        setattr(made, name, value)
    return ReadableLogRecord(made, resource, scope)


RECORD_FIELDS = st.fixed_dictionaries(
    {
        "timestamp": st.none() | UINT64,
        "observed_timestamp": UINT64,
        "trace_id": st.integers(0, 2**128 - 1),
        "span_id": st.integers(0, 2**64 - 1),
        "trace_flags": FLAGS,
        "severity_text": st.none() | TEXT,
        "severity_number": st.none() | st.sampled_from(SeverityNumber),
        "body": VALUES | st.dictionaries(st.integers(), TEXT, max_size=2),
        "attributes": ATTRIBUTES,
        "event_name": st.none() | TEXT,
    }
)


@st.composite
def batches(draw: Any, item: Callable[..., Any], fields: st.SearchStrategy[dict[str, Any]]) -> list[Any]:
    """Return items of few resources and scopes, some of which are equal and not the same."""
    resources = draw(st.lists(RESOURCES, min_size=1, max_size=2))
    resources.append(Resource(dict(resources[0].attributes), resources[0].schema_url))
    scopes = draw(st.lists(SCOPES, min_size=1, max_size=3))
    if scopes[0]:
        first = scopes[0]
        scopes.append(InstrumentationScope(first.name, first.version, first.schema_url, dict(first.attributes)))
    owners = st.tuples(st.sampled_from(resources), st.sampled_from(scopes), fields)
    return [item(*drawn) for drawn in draw(st.lists(owners, max_size=6))]


def assert_equal(ours: Any, stock: Any) -> None:
    """Compare two requests field by field, for a message that can be read, and then bit by bit."""
    assert MessageToDict(ours) == MessageToDict(stock)
    assert ours.SerializeToString(deterministic=True) == stock.SerializeToString(deterministic=True)


@pytest.mark.usefixtures("quiet")
@MANY
@given(batch=batches(span, SPAN_FIELDS))
def test_spans_are_encoded_as_by_the_exporters_own_encoder(encoding: Any, batch: list[ReadableSpan]) -> None:
    """Each field of each span has the value that the installed release gives it."""
    assert_equal(encoding.encode_spans(batch), encode_spans(batch))


@pytest.mark.usefixtures("quiet")
@MANY
@given(batch=batches(record, RECORD_FIELDS))
def test_log_records_are_encoded_as_by_the_exporters_own_encoder(encoding: Any, batch: list[ReadableLogRecord]) -> None:
    """Each field of each log record has the value that the installed release gives it."""
    assert_equal(encoding.encode_logs(batch), encode_logs(batch))


# What OTLP cannot carry.

LONE = "a\ud83eb"
CLEAN = "a\ufffdb"


class Unprintable:
    """An object that raises when it is printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def one_span(**fields: Any) -> ReadableSpan:
    """Return a span with these fields."""
    return span(Resource({}), None, {"name": "s", "context": SpanContext(1, 2, is_remote=False), **fields})


def one_record(**fields: Any) -> ReadableLogRecord:
    """Return a log record with these fields."""
    return record(Resource({}), None, fields)


def only(request: Any) -> Any:
    """Return a request's only span or log record, as a dictionary."""
    (of_resource,) = MessageToDict(request).popitem()[1]
    (of_scope,) = next(value for key, value in of_resource.items() if key.startswith("scope"))
    (item,) = next(value for key, value in of_scope.items() if key != "scope")
    return item


def attributes_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an item by key; the value is a dictionary of one field, named after its type."""
    return {pair["key"]: pair["value"] for pair in item["attributes"]}


def test_lone_surrogates_are_replaced_wherever_a_text_can_be(encoding: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Name, keys, values, events, status and resource keep the rest of their text; each is told once, without it."""
    texts = {LONE: 1, "text": LONE, "list": ["x", LONE], "map": {LONE: LONE}, "fine": "ä"}
    bad = span(
        Resource({"resource": LONE}),
        InstrumentationScope(LONE),
        {
            "name": LONE,
            "context": SpanContext(1, 2, is_remote=False),
            "attributes": texts,
            "events": [Event(LONE, {"event": LONE}, 1)],
            "status": Status(StatusCode.ERROR, LONE),
        },
    )
    for _ in range(2):
        request = encoding.encode_spans([bad])
    assert CLEAN.encode() in request.resource_spans[0].resource.SerializeToString()
    assert request.resource_spans[0].scope_spans[0].scope.name == CLEAN
    found = only(request)
    assert found["name"] == found["status"]["message"] == found["events"][0]["name"] == CLEAN
    assert attributes_of(found["events"][0]) == {"event": {"stringValue": CLEAN}}
    assert attributes_of(found) == {
        CLEAN: {"intValue": "1"},
        "text": {"stringValue": CLEAN},
        "list": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": CLEAN}]}},
        "map": {"kvlistValue": {"values": [{"key": CLEAN, "value": {"stringValue": CLEAN}}]}},
        "fine": {"stringValue": "ä"},
    }
    lines = [entry.getMessage() for entry in caplog.records]
    names = ["resource", "scope name", "span name", LONE, "text", "list", "event name", "event", "status description"]
    assert sorted(lines) == sorted(
        f"{name!r} has lone surrogates, which are no characters: U+FFFD is sent for each" for name in names
    )


def test_a_pair_of_surrogates_is_the_character_that_it_means(encoding: Any) -> None:
    """JSON's escapes for a character beyond the basic plane arrive as that character."""
    found = only(encoding.encode_logs([one_record(body="\ud83e\udd14 \ud83e")]))
    assert found["body"] == {"stringValue": "🤔 \ufffd"}


@pytest.mark.parametrize("encode", [one_span, one_record])
def test_what_has_no_type_in_otlp_is_sent_as_text(
    encoding: Any, encode: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Integers outside 64 bits and objects are texts, an object that raises is its class; what is beside them stays."""
    values = {
        "large": 2**63,
        "small": -(2**63) - 1,
        "huge": 10**5000,  # has more digits than Python prints
        "object": 1j,
        "unprintable": Unprintable(),
        "inside": [2**64, {"deep": Unprintable()}],
        "most": 2**63 - 1,
        "nan": math.nan,
        "bytes": b"\xff",
        "nothing": None,
    }
    expected = {
        "large": {"stringValue": "9223372036854775808"},
        "small": {"stringValue": "-9223372036854775809"},
        "huge": {"stringValue": "<int>"},
        "object": {"stringValue": "1j"},
        "unprintable": {"stringValue": "<Unprintable>"},
        "most": {"intValue": "9223372036854775807"},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": "/w=="},
        "nothing": {},
    }
    item = encode(attributes=values)
    for _ in range(2):
        request = encoding.encode_spans([item]) if encode is one_span else encoding.encode_logs([item])
    found = attributes_of(only(request))
    large, deep = found.pop("inside")["arrayValue"]["values"]
    assert large == {"stringValue": "18446744073709551616"}
    assert deep["kvlistValue"]["values"] == [{"key": "deep", "value": {"stringValue": "<Unprintable>"}}]
    assert found == expected
    told = [entry.getMessage().partition(" ")[0] for entry in caplog.records]
    assert told == ["'large'", "'small'", "'huge'", "'object'", "'unprintable'", "'inside'", "'deep'"]


@pytest.mark.parametrize(
    ("body", "text"), [(2**70, "1180591620717411303424"), (Unprintable(), "<Unprintable>"), (LONE, CLEAN)]
)
def test_a_body_is_anything_that_was_logged(encoding: Any, body: Any, text: str) -> None:
    """A log record whose body OTLP cannot carry is sent with a text in its place."""
    assert only(encoding.encode_logs([one_record(body=body)]))["body"] == {"stringValue": text}


@pytest.mark.parametrize(
    "make",
    [lambda value: {"k": value}, lambda value: [value], lambda value: [{"k": value}]],
    ids=["mapping", "list", "both"],
)
def test_what_is_too_deep_for_protobuf_is_text_and_costs_no_neighbour(
    encoding: Any, make: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A value 200 deep is sent down to a depth, and as text from there; a span beside it is repaired as always."""
    deep: Any = "end"
    for _ in range(200):
        deep = make(deep)
    request = encoding.encode_spans([one_span(attributes={"deep": deep}), one_span(attributes={"user": "\ud83e"})])
    first, second = MessageToDict(request)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert attributes_of(first).keys() == {"deep"}
    assert attributes_of(second) == {"user": {"stringValue": "\ufffd"}}
    assert "fails on a batch" not in caplog.text


def test_names_that_a_client_chooses_do_not_fill_log_and_memory(
    encoding: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After MAX_NAMES lines about different names there are no more."""
    monkeypatch.setattr(encoding.repair, "MAX_NAMES", 3)
    encoding.encode_spans([one_span(attributes={f"{number}": 2**64 for number in range(9)})])
    assert len(caplog.records) == 3


# Where the exporters call it.


def test_the_exporters_own_encoder_takes_what_ours_fails_on(encoding: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Only the batch that fails goes to it, with one WARNING for all such batches; its error is the exporter's."""
    asked = []

    def stock(items: Sequence[Any]) -> str:
        asked.append(items)
        return "by stock"

    module = SimpleNamespace(encode_spans=stock, encode_logs=stock)
    encoding.install(module, module)
    assert module.encode_spans([one_span()]) == encode_spans([one_span()])
    assert asked == []
    broken = [one_span(name=5)]
    assert [module.encode_spans(broken), module.encode_spans(broken)] == ["by stock"] * 2
    assert module.encode_logs([None]) == "by stock"
    assert asked == [broken, broken, [None]]
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING] * 2
    assert caplog.records[0].getMessage() == (
        "'encode_spans' fails on a batch (AttributeError: 'int' object has no attribute 'encode'): "
        "the exporter's own encoder takes it"
    )


def test_a_release_without_that_function_exports_by_itself(encoding: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where a later release calls its encoder by another name, nothing is put anywhere, and that is told."""
    module = SimpleNamespace(encode_logs=len)
    encoding.install(module, SimpleNamespace())
    assert vars(module) == {"encode_logs": len}
    assert [entry.getMessage().partition(" ")[0] for entry in caplog.records] == ["'encode_spans'", "'encode_logs'"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_exporter_of_the_installed_release_sends_what_ours_encodes(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over both protocols a batch with a bad span arrives whole, and its own encoder is not called; log records too."""

    def not_called(_: Sequence[Any]) -> Any:
        raise AssertionError("the exporter's own encoder was called")

    package = f"opentelemetry.exporter.otlp.proto.{protocol}"
    monkeypatch.setattr(f"{package}.trace_exporter.encode_spans", not_called)
    monkeypatch.setattr(f"{package}._log_exporter.encode_logs", not_called)
    otlp = load("otlp", monkeypatch, f"otlp_protocol/{protocol}")
    with Receiver(protocol) as receiver:
        for signal in ("TRACES", "LOGS"):
            path = f"/v1/{signal.lower()}" if protocol == "http" else ""
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", receiver.endpoint + path)
        spans = otlp.span_exporter()
        logs = otlp.log_exporter()
        assert spans.export([one_span(name="fine"), one_span(name=LONE)]).name == "SUCCESS"
        assert logs.export([one_record(body="fine"), one_record(body=LONE)]).name == "SUCCESS"
        for exporter in (spans, logs):
            exporter.shutdown()
        assert [found.name for found in receiver.spans] == ["fine", CLEAN]
        assert [found.body for found in receiver.logs] == ["fine", CLEAN]
