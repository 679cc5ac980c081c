"""The last look at spans and log records before they wait: secrets go, and long texts are cut."""

import logging
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_MESSAGE
from opentelemetry.trace import Status

from .export.limits import OTHERS, SPAN, LongTexts, limit
from .export.retrying import RetryingExporter
from .masking import scrub, scrub_url

log = logging.getLogger(__name__)

# Where a query string stands; the last two are the names of the old HTTP conventions.
URLS = frozenset({"url.full", "url.query", "http.url", "http.target"})
KEPT = ("kind", "context", "parent", "resource", "instrumentation_scope", "links", "start_time", "end_time")
COUNTS = ("dropped_attributes", "dropped_events", "dropped_links")
SHORT_TEXT = 255  # characters of a name or a body that are kept, however short attributes must be
# A span that can be told what the SDK's limits have dropped from its original.
Copy: Any = type("Copy", (ReadableSpan,), dict.fromkeys(COUNTS, 0))


class ScrubbingProcessor(BatchSpanProcessor):
    """The batch processor, which sees a span when it has ended: whoever set a URL, and whenever, has done so."""

    _stopped = False
    _late = 0

    def __init__(self, exporter: Any):
        super().__init__(exporter)
        self._retrying = exporter if isinstance(exporter, RetryingExporter) else None
        self._long_texts = LongTexts()

    def on_end(self, span: ReadableSpan) -> None:
        if self._stopped and span.context and span.context.trace_flags.sampled:
            self._late += 1
            log.error("%d spans ended after shutdown() and are lost; the last was %r", self._late, span.name)
        clean = scrubbed(span)
        super().on_end(clean if clean is span else self._bounded(clean))
        if self._retrying:
            self._retrying.announce()

    def shutdown(self) -> None:
        self._stopped = True
        if self._retrying:
            self._retrying.hurry()
        super().shutdown()  # type: ignore[no-untyped-call]

    def _bounded(self, span: ReadableSpan) -> ReadableSpan:
        for event in span.events:
            if not self._long_texts.has_room(span, event.attributes or {}):
                return scrubbed(span, event_limit=limit(SPAN))
        return span


class BoundedLogProcessor(BatchLogRecordProcessor):
    """The batch processor for log records, with a limit for what the SDK does not limit."""

    def __init__(self, exporter: Any):
        super().__init__(exporter)
        self._retrying = exporter if isinstance(exporter, RetryingExporter) else None
        self._long_texts = LongTexts()
        self._short, self._long = limit(SPAN), max(limit(OTHERS), SHORT_TEXT)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = log_record.log_record
        attributes: Any = record.attributes  # the SDK's own kind of mapping, empty or not
        record.body = cut(record.body, self._long)
        if EXCEPTION_MESSAGE in attributes:  # the stack trace ends with it
            attributes[EXCEPTION_MESSAGE] = cut(attributes[EXCEPTION_MESSAGE], self._short)
        if not self._long_texts.has_room(attributes, {**attributes, "": record.body}):
            record.body = cut(record.body, max(self._short, SHORT_TEXT))
            for name, value in attributes.items():
                attributes[name] = cut(value, self._short)
        super().on_emit(log_record)
        if self._retrying:
            self._retrying.announce()

    def shutdown(self) -> None:
        if self._retrying:
            self._retrying.hurry()
        super().shutdown()  # type: ignore[no-untyped-call]


def cut(value: Any, length: int) -> Any:
    """Return the beginning of a text or of bytes, and anything else as it is."""
    return value[:length] if isinstance(value, (str, bytes)) else value


def scrubbed(span: ReadableSpan, event_limit: int | None = None) -> ReadableSpan:
    """Return the span with REDACTED for what URLs hide, and with its texts cut.

    The SDK has cut the attributes. The span's name, its status and the messages of its exceptions
    are cut to the same limit here; all texts of its events, stack traces too, to `event_limit`.
    """
    urls = URLS.intersection(span.attributes or ())
    name = str(span.name)  # the SDK takes anything for a name
    if not (urls or span.events or span.status.description or len(name) > SHORT_TEXT or name is not span.name):
        return span
    length = limit(SPAN)
    attributes = dict(span.attributes or {})
    for url in urls:
        query = "?" if url == "url.query" else ""
        attributes[url] = scrub_url(f"{query}{attributes[url]}").removeprefix(query)
    description = span.status.description and scrub(span.status.description[:length])
    copy: ReadableSpan = Copy(
        name=name[: max(length, SHORT_TEXT)],
        attributes=attributes,
        events=[_event(event, length, event_limit) for event in span.events],
        status=Status(span.status.status_code, description),
        **{name: getattr(span, name) for name in KEPT},
    )
    vars(copy).update((count, getattr(span, count)) for count in COUNTS)
    return copy


def _event(event: Event, length: int, event_limit: int | None) -> Event:
    attributes: dict[str, Any] = {}
    for name, value in (event.attributes or {}).items():
        if name == "exception.escaped":  # the SDK still adds it; it is deprecated
            continue
        longest = length if name == EXCEPTION_MESSAGE else event_limit
        attributes[name] = scrub(value[:longest]) if isinstance(value, str) else value
    return Event(str(event.name)[: max(length, SHORT_TEXT)], attributes, event.timestamp)
