"""The last look at a span before it leaves: secrets in URLs, and what the conventions dropped, are taken out."""

import logging
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status

from .masking import scrub, scrub_url

log = logging.getLogger(__name__)

# Where a query string stands; the last two are the names of the old HTTP conventions.
URLS = frozenset({"url.full", "url.query", "http.url", "http.target"})
KEPT = ("name", "kind", "context", "parent", "resource", "instrumentation_scope", "links", "start_time", "end_time")
COUNTS = ("dropped_attributes", "dropped_events", "dropped_links")
# A span that can be told what the SDK's limits have dropped from its original.
Copy: Any = type("Copy", (ReadableSpan,), dict.fromkeys(COUNTS, 0))


class ScrubbingProcessor(BatchSpanProcessor):
    """The batch processor, which sees a span when it has ended: whoever set a URL, and whenever, has done so."""

    _stopped = False
    _late = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._stopped and span.context and span.context.trace_flags.sampled:
            self._late += 1
            log.error("%d spans ended after shutdown() and are lost; the last was %r", self._late, span.name)
        super().on_end(scrubbed(span))

    def shutdown(self) -> None:
        self._stopped = True
        super().shutdown()  # type: ignore[no-untyped-call]


def scrubbed(span: ReadableSpan) -> ReadableSpan:
    """Return the span with REDACTED for what URLs hide, in its attributes and in the text of its exceptions."""
    if not ((urls := URLS.intersection(span.attributes or ())) or span.events or span.status.description):
        return span
    attributes = dict(span.attributes or {})
    for name in urls:
        query = "?" if name == "url.query" else ""
        attributes[name] = scrub_url(f"{query}{attributes[name]}").removeprefix(query)
    status = Status(span.status.status_code, span.status.description and scrub(span.status.description))
    kept = {name: getattr(span, name) for name in KEPT}
    copy: ReadableSpan = Copy(attributes=attributes, events=[*map(_event, span.events)], status=status, **kept)
    vars(copy).update((count, getattr(span, count)) for count in COUNTS)
    return copy


def _event(event: Event) -> Event:
    # The SDK still adds exception.escaped, which is deprecated.
    kept = {name: value for name, value in (event.attributes or {}).items() if name != "exception.escaped"}
    return Event(event.name, {n: scrub(v) if isinstance(v, str) else v for n, v in kept.items()}, event.timestamp)
