"""Between batch processor and exporter: a collector that is away for a while costs no data."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from . import lifecycle
from .answers import Answer
from .items import Items
from .sending import Piece, Sender, halves

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # whatever the receiver asks for
# A batch that is not taken for so long lets others pass: it may be the only one that is not taken.
ALONE_SECONDS = 10.0
MOST_PASSED = 4
# From then on a batch is split at each try, so that what is taken of it is taken. An item that is
# not taken alone, while the receiver took something else between three tries, is dropped.
SPLIT_SECONDS = 60.0
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
        self.more = False  # whether the processor has got more items since the last batch
        self._exporter = exporter
        self._sender = Sender(items, self._export)
        self._waiting: list[_Batch] = []
        self._stopping = threading.Event()

    def export(self, items: Sequence[Any]) -> None:
        """Return when the items were taken or dropped, or wait so long that others may pass."""
        if lifecycle.tell_if_forked():
            self._waiting.clear()  # they are the parent's
        batch = _Batch(self._sender.pieces([*items]))
        self.more = False
        self._waiting.append(batch)
        while pause := self._try():
            may_wait = batch.waited(ALONE_SECONDS) and len(self._waiting) <= MOST_PASSED
            if self.more and (may_wait or batch not in self._waiting):
                return
            if self._stopping.wait(pause):
                return

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits here; return whether nothing is left."""
        return not self._try()

    def shutdown(self) -> None:
        """Send what waits here, once more, and end the attempts and the exporter."""
        self._stopping.set()
        self._try()
        self._exporter.shutdown()

    def _try(self) -> float:
        """Send what is due; return the seconds until something else is, or 0 where nothing waits."""
        while self._waiting:
            batch = min(self._waiting, key=lambda waiting: waiting.next_try)
            pause = batch.next_try - time.monotonic()
            if pause > 0 and not self._stopping.is_set():
                return pause
            answer = self._sender.send(batch.pieces)
            if answer:
                self._postpone(batch, answer)
            if not batch.pieces:
                self._waiting.remove(batch)
            elif self._stopping.is_set():
                return PAUSE_SECONDS
        return 0.0

    def _postpone(self, batch: _Batch, answer: Answer) -> None:
        """Say when a batch is tried next, and in what pieces."""
        if self._sender.taken_at > batch.tried:
            batch.passes += 1
        batch.tried = time.monotonic()
        if batch.waited(SPLIT_SECONDS):
            piece = batch.pieces.pop()
            if len(piece) > 1:
                batch.pieces += halves(piece)
            elif batch.passes < PASSES:
                batch.pieces.insert(0, piece)
            else:
                self._sender.drop(piece, answer)
        # The longer others pass it, the less often it may hold them up.
        pause = max(PAUSE_SECONDS * 2**batch.passes, answer.wait_seconds)
        batch.next_try = batch.tried + min(pause, LONGEST_PAUSE_SECONDS)

    def _export(self, piece: Piece) -> Any:
        with lifecycle.no_fork():
            return self._exporter.export(piece)
