"""Keeps query strings out of telemetry: runs on every span before the batch processor sees it."""

import re

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

# Where a query string stands; the last two are the names of the old HTTP conventions.
_URLS = ("url.full", "url.query", "http.url", "http.target")


class QueryScrubber(SpanProcessor):
    """Replaces the values in query strings: they hold tokens and names; the keys are enough to find a request."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Scrub what the span starts with: instrumentations give the URL then, and never later."""
        for name in _URLS:
            value = (span.attributes or {}).get(name)
            if isinstance(value, str):
                span.set_attribute(name, scrub(value, bare=name == "url.query"))


def scrub(url: str, bare: bool) -> str:
    """Return the URL, or the bare query string, with REDACTED for every value and for user:password@."""
    address, mark, query = ("", "", url) if bare else url.partition("?")
    return re.sub("//[^/@]*@", "//REDACTED@", address) + mark + re.sub("(?<==)[^&#]+", "REDACTED", query)
