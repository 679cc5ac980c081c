"""Step 3, batch processors: what spans and log records go through before they wait for an export.

There secrets are removed from spans, and long texts are cut.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_MESSAGE

from .export.items import LOG_RECORDS, SPANS
from .export.limits import (
    ALL_BYTES,
    CUT_TEXT,
    LENGTH,
    SHORT_TEXT,
    SPAN_LENGTH,
    WHOLE_BYTES,
    cut,
    limit,
)
from .export.retrying import RetryingExporter
from .scrubbing import scrubbed

log = logging.getLogger(__name__)
FLUSH_MILLIS = 30_000  # if the caller gives no time


class _BoundedProcessor:
    """Bounds the memory of what waits, and the time of a flush.

    It tells a RetryingExporter when an item is put into the queue, and when shutdown begins. Other
    exporters let nothing wait for long.
    """

    def _set_up(self, exporter: Any) -> None:
        self._retrying: RetryingExporter | None = None
        self._flushing = threading.Thread()  # the last flush
        if isinstance(exporter, RetryingExporter):
            self._retrying = exporter

    def _flush_within(
        self,
        flush: Callable[[], bool],
        timeout_millis: int | None,
    ) -> bool:
        """Return whether a flush of the SDK's ends in time: it waits for the receiver for ever.

        It goes on in its thread; another one waits for it first.
        """
        millis = timeout_millis
        if millis is None:
            millis = FLUSH_MILLIS
        end = time.monotonic() + millis / 1000
        if not _ends_before(self._flushing, end):
            return False
        results: list[bool] = []

        def run() -> None:
            results.append(flush())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._flushing = thread
        return _ends_before(thread, end) and results == [True]

    def _tell_item_added(self) -> None:
        if self._retrying:
            self._retrying.item_added()

    def _tell_no_room(self, item: Any) -> None:
        if self._retrying:
            self._retrying.drop_new(item)

    def _tell_shutdown(self) -> None:
        if self._retrying:
            self._retrying.prepare_shutdown()


def _ends_before(thread: threading.Thread, end: float) -> bool:
    """Wait for a thread until then, by time.monotonic(); return whether it has ended."""
    if thread.is_alive():
        left = end - time.monotonic()
        thread.join(max(0.0, left))
    return not thread.is_alive()


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
        fitting = self._fitting(clean)
        if not fitting:
            self._tell_no_room(clean)
            return
        super().on_end(fitting)
        self._tell_item_added()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        return self._flush_within(super().force_flush, timeout_millis)

    def shutdown(self) -> None:
        self._is_shut_down = True
        self._tell_shutdown()
        super().shutdown()  # type: ignore[no-untyped-call]

    def _fitting(self, span: ReadableSpan) -> ReadableSpan | None:
        """Return a span whole, or cut if much waits, or None if there is no room for it."""
        if not self._retrying:
            return span
        large_items = self._retrying.large_items
        size = SPANS.memory(span)
        if large_items.reserve(span, size, WHOLE_BYTES):
            return span
        short = scrubbed(span, CUT_TEXT)
        size = SPANS.memory(short)
        if large_items.reserve(short, size, ALL_BYTES):
            return short
        return None


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
        if not self._fit(log_record):
            self._tell_no_room(log_record)
            return
        super().on_emit(log_record)
        self._tell_item_added()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        return self._flush_within(super().force_flush, timeout_millis)

    def shutdown(self) -> None:
        self._tell_shutdown()
        super().shutdown()  # type: ignore[no-untyped-call]

    def _fit(self, log_record: ReadWriteLogRecord) -> bool:
        """Cut a record if much waits; return whether there is room for it."""
        record = log_record.log_record
        # The attributes are what lives until the export: the SDK copies the record around them.
        attributes: Any = record.attributes
        if not self._retrying:
            return True
        large_items = self._retrying.large_items
        size = LOG_RECORDS.memory(log_record)
        if large_items.reserve(attributes, size, WHOLE_BYTES):
            return True
        record.body = cut(record.body, CUT_TEXT)
        for name, value in attributes.items():
            attributes[name] = cut(value, CUT_TEXT)
        size = LOG_RECORDS.memory(log_record)
        return large_items.reserve(attributes, size, ALL_BYTES)
