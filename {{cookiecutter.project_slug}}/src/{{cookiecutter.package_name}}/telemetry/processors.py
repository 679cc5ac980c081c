"""The last look at a span before it leaves: what must not be told, and what the conventions dropped, is taken out."""

import re

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Where a query string stands; the last two are the names of the old HTTP conventions.
URLS = frozenset({"url.full", "url.query", "http.url", "http.target"})
WHO = ("name", "kind", "context", "parent", "resource", "instrumentation_scope")
WHAT = ("links", "status", "start_time", "end_time")


class ScrubbingProcessor(BatchSpanProcessor):
    """The batch processor, which sees a span when it has ended: whoever set the URL, and whenever, has done so."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, with REDACTED for each value of a query and for user:password@."""
        attributes = span.attributes or {}
        urls = {name: scrub(str(attributes[name]), bare=name == "url.query") for name in URLS.intersection(attributes)}
        if span.events or any(attributes[name] != url for name, url in urls.items()):
            same = {name: getattr(span, name) for name in WHO + WHAT}
            span = ReadableSpan(attributes={**attributes, **urls}, events=[*map(current, span.events)], **same)
        super().on_end(span)


def current(event: Event) -> Event:
    """Return the event without exception.escaped, which is deprecated and which the SDK still adds."""
    kept = {name: value for name, value in (event.attributes or {}).items() if name != "exception.escaped"}
    return Event(event.name, kept, event.timestamp)


def scrub(url: str, bare: bool) -> str:
    """Return the URL, or the bare query string, without what should not be told."""
    address, mark, query = ("", "", url) if bare else url.partition("?")
    return re.sub("//[^/@]*@", "//REDACTED@", address) + mark + re.sub("(?<==)[^&#]+", "REDACTED", query)
