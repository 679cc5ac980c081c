"""Step 3, batch processors: what spans and log records go through before they wait for an export.

There secrets are removed from spans, and long texts are cut.
"""

import logging
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_MESSAGE

from .export.limits import LENGTH, SHORT_TEXT, SPAN_LENGTH, LongTexts, cut, limit
from .export.retrying import RetryingExporter
from .scrubbing import scrubbed

log = logging.getLogger(__name__)


class _BoundedProcessor:
    """Bounds the long texts that wait.

    It tells a RetryingExporter when an item is put into the queue, and when shutdown begins.
    """

    def _set_up(self, exporter: Any) -> None:
        self._long_texts = LongTexts()
        self._retrying: RetryingExporter | None = None
        if isinstance(exporter, RetryingExporter):
            self._retrying = exporter

    def _tell_item_added(self) -> None:
        if self._retrying:
            self._retrying.item_added()

    def _tell_shutdown(self) -> None:
        if self._retrying:
            self._retrying.prepare_shutdown()


class ScrubbingProcessor(_BoundedProcessor, BatchSpanProcessor):
    """The batch processor for spans, which removes secrets.

    It does so when the span has ended, because a URL may be set at any time before.
    """

    def __init__(self, exporter: Any):
        super().__init__(exporter)
        self._set_up(exporter)
        self._is_shut_down = False
        self._late = 0  # spans that ended after shutdown()

    def on_end(self, span: ReadableSpan) -> None:
        if self._is_shut_down and span.context and span.context.trace_flags.sampled:
            self._late += 1
            log.error(
                "%d spans ended after shutdown() and are lost; the last was %r",
                self._late,
                span.name,
            )  # the SDK drops it below
        clean = scrubbed(span)
        super().on_end(self._bounded(clean))
        self._tell_item_added()

    def shutdown(self) -> None:
        self._is_shut_down = True
        self._tell_shutdown()
        super().shutdown()  # type: ignore[no-untyped-call]

    def _bounded(self, span: ReadableSpan) -> ReadableSpan:
        """Return a span whole, or with its long texts cut if LONG_TEXT_BYTES of them wait."""
        for event in span.events:
            attributes = event.attributes or {}
            if not self._long_texts.reserve(span, attributes.values()):
                return scrubbed(span, event_limit=limit(SPAN_LENGTH))
        return span


class BoundedLogProcessor(_BoundedProcessor, BatchLogRecordProcessor):
    """The batch processor for log records, which cuts what the SDK does not cut."""

    def __init__(self, exporter: Any):
        super().__init__(exporter)
        self._set_up(exporter)
        self._span_length = limit(SPAN_LENGTH)
        self._length = max(limit(LENGTH), SHORT_TEXT)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = log_record.log_record
        attributes: Any = record.attributes  # never None in the SDK's records
        record.body = cut(record.body, self._length)
        if EXCEPTION_MESSAGE in attributes:  # in full it is at the end of the stack trace
            message = attributes[EXCEPTION_MESSAGE]
            attributes[EXCEPTION_MESSAGE] = cut(message, self._span_length)
        texts = [*attributes.values(), record.body]
        # The attributes are what lives until the export: the SDK copies the record around them.
        if not self._long_texts.reserve(attributes, texts):
            body_length = max(self._span_length, SHORT_TEXT)
            record.body = cut(record.body, body_length)
            for name, value in attributes.items():
                attributes[name] = cut(value, self._span_length)
        super().on_emit(log_record)
        self._tell_item_added()

    def shutdown(self) -> None:
        self._tell_shutdown()
        super().shutdown()  # type: ignore[no-untyped-call]
