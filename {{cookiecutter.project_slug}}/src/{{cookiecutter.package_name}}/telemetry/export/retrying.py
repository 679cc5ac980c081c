"""Between batch processor and exporter: a collector that is away for a while costs no data."""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from ..process import forks
from .answers import Answer
from .items import Items
from .sending import Piece, Sender, halves

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # whatever the receiver asks for
# A batch that is not taken for so long lets others pass, and is split at each try: it may be the
# only one that is not taken, and it may be only a part of it.
ALONE_SECONDS = 5.0
MOST_PASSED = 16
# An item that is not taken alone, for so long, and while the receiver took something else between
# three tries, is dropped.
DROP_SECONDS = 60.0
PASSES = 3


class _Batch:
    """What is left of a batch, and how the receiver has treated it."""

    def __init__(self, pieces: list[Piece]):
        self.pieces = pieces
        self.began = self.tried = time.monotonic()
        self.next_try = 0.0
        self.passes = 0  # how often the receiver took something else since the try before

    def waited(self, seconds: float) -> bool:
        return time.monotonic() - self.began > seconds


class RetryingExporter:
    """Sends a batch again until the receiver takes it, where the SDK would discard it.

    What ends meanwhile waits in the processor's queue. When that is full the SDK drops items, and
    counts them in the metric otel.sdk.processor.span.processed with error.type=queue_full.
    """

    def __init__(self, exporter: Any, items: Items):
        """Wrap an exporter of spans or log records."""
        self._exporter = exporter
        self._sender = Sender(items, self._export)
        self._full = int(os.environ.get(items.batch_size) or 512)
        self._waiting: list[_Batch] = []
        self._more = threading.Event()  # set while the processor has more items
        self._hurry = threading.Event()
        os.register_at_fork(after_in_child=self._waiting.clear)  # the parent sends them

    def announce(self) -> None:
        """Say that the processor has got another item: a batch that is not taken lets it pass."""
        if not self._more.is_set():
            self._more.set()

    def hurry(self) -> None:
        """Say that the process ends: try again without long pauses, and let every batch pass."""
        self._hurry.set()
        self._more.set()

    def export(self, items: Sequence[Any]) -> None:
        """Return when the items were taken or dropped, or wait so long that others may pass."""
        forks.report_if_forked()
        batch = _Batch(self._sender.pieces([*items]))
        if len(items) < self._full:  # otherwise the queue holds more
            self._more.clear()
        self._waiting.append(batch)
        while pause := self._try():
            if batch not in self._waiting:
                if self._more.wait(pause):
                    return
            elif self._more.is_set() and self._lets_pass(batch):
                return
            elif self._hurry.is_set():
                time.sleep(pause)
            else:
                self._hurry.wait(min(pause, PAUSE_SECONDS))

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits here; return whether nothing is left."""
        return not self._try()

    def shutdown(self) -> None:
        """Send what waits here, once more, and end the exporter."""
        self.hurry()
        for batch in self._waiting:
            self._sender.send(batch.pieces)
        self._sender.log_dropped()
        self._exporter.shutdown()

    def _lets_pass(self, batch: _Batch) -> bool:
        if self._hurry.is_set():
            return True
        return batch.waited(ALONE_SECONDS) and len(self._waiting) <= MOST_PASSED

    def _try(self) -> float:
        """Send what is due; return the seconds until something else is, or 0 where nothing waits."""
        while self._waiting:
            batch = min(self._waiting, key=self._due)
            pause = self._due(batch) - time.monotonic()
            if pause > 0:
                return pause
            began = time.monotonic()
            answer = self._sender.send(batch.pieces)
            if answer:
                self._postpone(batch, answer, time.monotonic() - began < PAUSE_SECONDS)
            if not batch.pieces:
                self._waiting.remove(batch)
        return 0.0

    def _due(self, batch: _Batch) -> float:
        return batch.tried if self._hurry.is_set() else batch.next_try

    def _postpone(self, batch: _Batch, answer: Answer, was_quick: bool) -> None:
        """Say when a batch is tried next, and in what pieces."""
        if self._sender.taken_at > batch.tried:
            batch.passes += 1
        # It may hold up others for as long as a try takes: the more of them, the longer the pause.
        pause = max(PAUSE_SECONDS * min(1 + batch.passes, 8), answer.wait_seconds)
        if batch.waited(ALONE_SECONDS):
            piece = batch.pieces.pop()
            if len(piece) > 1:
                batch.pieces += halves(piece)
                if batch.passes and was_quick and not answer.wait_seconds:
                    pause = 0.0  # the receiver is well: find what it does not take at once
            elif batch.passes < PASSES or not batch.waited(DROP_SECONDS):
                batch.pieces.insert(0, piece)
            else:
                self._sender.drop(piece, answer)
        now = time.monotonic()
        batch.next_try = now + min(pause, LONGEST_PAUSE_SECONDS)
        batch.tried = now + (min(pause, PAUSE_SECONDS) if self._hurry.is_set() else 0.0)

    def _export(self, piece: Piece) -> Any:
        with forks.held_back():
            return self._exporter.export(piece)
