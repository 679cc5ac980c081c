"""Keeps the values of query strings out of telemetry: they hold tokens and names, and the keys tell enough."""

import re

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

# Where a query string stands; the last two are the names of the old HTTP conventions.
URLS = ("url.full", "url.query", "http.url", "http.target")


class QueryScrubber(SpanProcessor):
    """Scrubs what a span starts with: instrumentations give the URL then, and never later."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Put REDACTED for every value of a query, and for user:password@."""
        for name in URLS:
            if isinstance(url := (span.attributes or {}).get(name), str):
                address, mark, query = ("", "", url) if name == "url.query" else url.partition("?")
                address, query = re.sub("//[^/@]*@", "//REDACTED@", address), re.sub("(?<==)[^&#]+", "REDACTED", query)
                span.set_attribute(name, address + mark + query)
