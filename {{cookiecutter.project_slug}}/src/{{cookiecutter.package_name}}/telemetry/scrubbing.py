"""Removes secrets and values from an ended span, and cuts its texts where the SDK does not."""

import re
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_MESSAGE, EXCEPTION_TYPE
from opentelemetry.trace import Status, StatusCode

from .export.limits import SHORT_TEXT, SPAN_LENGTH, cut, limit
from .masking import scrub, scrub_url
from .sql import sanitized

# The attributes that hold a URL or a query; http.* are the names of the old HTTP conventions.
URL_ATTRIBUTES = frozenset({"url.full", "url.query", "http.url", "http.target"})
# Those that hold a query to a database; the second is its name in the old conventions.
QUERY_ATTRIBUTES = frozenset({"db.query.text", "db.statement"})
# What SQLAlchemy adds to the text of an exception.
SQL = re.compile(r"^\[SQL: (.*?)\]$", re.MULTILINE | re.DOTALL)
PARAMETERS = re.compile(r"^\[parameters: .*", re.MULTILINE)
SCRUBBED = URL_ATTRIBUTES | QUERY_ATTRIBUTES


class _ScrubbedSpan(ReadableSpan):
    """A copy of a span.

    ReadableSpan computes these counts from containers that a copy does not have, so the copy holds
    them as plain numbers.
    """

    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


class _ScrubbedEvent(Event):
    """A copy of an event, which holds its count as a plain number, too."""

    dropped_attributes: int = 0


def scrubbed(
    span: ReadableSpan,
    text_limit: int | None = None,
) -> ReadableSpan:
    """Return the span with REDACTED for what URLs hide, ? for values in SQL, and its texts cut.

    The SDK has cut the attributes. This cuts the name, the status and the messages of exceptions to
    the same limit. With `text_limit` it cuts all texts to that, stack traces too.
    """
    if text_limit is None and _is_clean(span):
        return span
    length = text_limit
    if length is None:
        length = limit(SPAN_LENGTH)
    description = span.status.description or _raised(span)
    if description:
        description = _clean(description[:length])
    copy = _ScrubbedSpan(
        name=_cut_name(span.name, length),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span, text_limit),
        events=[_event(event, length, text_limit) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, description),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
    copy.dropped_attributes = span.dropped_attributes
    copy.dropped_events = span.dropped_events
    copy.dropped_links = span.dropped_links
    return copy


def _is_clean(span: ReadableSpan) -> bool:
    """Return whether nothing is to scrub or to cut, as in most spans: a copy costs time."""
    if not SCRUBBED.isdisjoint(span.attributes or ()):
        return False
    if span.events or span.status.description:
        return False
    # The SDK takes anything for a name.
    return type(span.name) is str and len(span.name) <= SHORT_TEXT


def _raised(span: ReadableSpan) -> str:
    """Return what failed, for a status without a description, as FastAPI sets it."""
    if span.status.status_code is not StatusCode.ERROR:
        return ""
    for event in reversed(span.events):
        attributes = event.attributes or {}
        if EXCEPTION_TYPE in attributes:
            kind = str(attributes[EXCEPTION_TYPE])
            message = str(attributes.get(EXCEPTION_MESSAGE, ""))
            return f"{kind}: {message}"
    return ""


def _clean(text: str) -> str:
    """Return the text of an exception or an event without secrets and values."""
    if "[SQL: " in text:
        text = SQL.sub(_without_values, text)
        text = PARAMETERS.sub("[parameters: REDACTED]", text)
    return scrub(text)


def _without_values(found: re.Match[str]) -> str:
    query = sanitized(found[1], system="")
    return f"[SQL: {query}]"


def _cut_name(name: object, length: int) -> str:
    try:
        text = str(name)
    except Exception:  # noqa: BLE001, the SDK takes any object for a name
        text = f"<{type(name).__name__}>"
    return text[: max(length, SHORT_TEXT)]


def _attributes(
    span: ReadableSpan,
    text_limit: int | None,
) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    attributes.update(span.attributes or {})
    if text_limit is not None:
        for name, value in attributes.items():
            attributes[name] = cut(value, text_limit)
    for name in URL_ATTRIBUTES.intersection(attributes):
        value = str(attributes[name])
        if name == "url.query":  # it has no "?", by which scrub_url() knows a query
            attributes[name] = scrub_url(f"?{value}").removeprefix("?")
        else:
            attributes[name] = scrub_url(value)
    for name in QUERY_ATTRIBUTES.intersection(attributes):
        system = attributes.get("db.system.name") or attributes.get("db.system", "")
        attributes[name] = sanitized(str(attributes[name]), str(system))
    return attributes


def _event(
    event: Event,
    length: int,
    text_limit: int | None,
) -> Event:
    attributes: dict[str, Any] = {}
    for name, value in (event.attributes or {}).items():
        if name == "exception.escaped":  # the SDK still adds it; it is deprecated
            continue
        if name == EXCEPTION_MESSAGE:
            value = cut(value, length)
        elif text_limit is not None:
            value = cut(value, text_limit)
        attributes[name] = _clean(value) if isinstance(value, str) else value
    copy = _ScrubbedEvent(_cut_name(event.name, length), attributes, event.timestamp)
    copy.dropped_attributes = event.dropped_attributes
    return copy
