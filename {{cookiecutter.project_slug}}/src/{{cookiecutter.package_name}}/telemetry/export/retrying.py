"""Between batch processor and exporter: sends a batch again while the receiver is away.

The SDK's exporters would give up after some seconds and discard the batch.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..process import forks
from .answers import Answer, Verdict
from .items import ItemKind
from .limits import ALL_BYTES, LargeItems
from .outage import SOME_RECEIVER, Backlog, Receiver
from .sending import Part, Sender, halves, remove_all

PAUSE_SECONDS = 1.0  # between two attempts
SHORT_PAUSE_SECONDS = 0.01  # after an attempt that took longer than a pause
SLOW_PAUSE_SECONDS = 8.0  # at most, for a batch that is not taken while others are
MAX_PAUSE_SECONDS = 60.0  # however long the receiver asks us to wait
# The receiver may refuse a batch for only one of its items. A batch that is not taken for so long
# is split at each attempt, and no longer holds up the batches after it.
ISOLATE_AFTER_SECONDS = 5.0
MAX_WAITING_BATCHES = 16  # if so many full ones wait, new batches stay in the processor's queue
# If the queue is full too, the oldest batch is dropped in favour of a new one, each time that
# nothing was taken for so long: only something new shows whether the receiver takes other data.
PROBE_AFTER_SECONDS = 60.0
# After so long a shutdown drops what is not taken, and counts it. The rest of DEADLINE_SECONDS is
# for the metrics, which have the counts.
END_AFTER_SECONDS = 3.0
# A single item is dropped if it is not taken for so long, and if the receiver took other data
# between its attempts at least so many times.
DROP_AFTER_SECONDS = 60.0
DROP_AFTER_OTHERS_TAKEN = 3


class _Batch:
    """What is left of a batch, and how the receiver has treated it."""

    def __init__(self, parts: list[Part]):
        self.parts = parts  # the last one is sent first
        self.began = time.monotonic()  # the first attempt
        self.tried = self.began  # the last attempt
        # Seconds from the last attempt to the next one. A new batch is overdue from the beginning,
        # so that it is sent before older ones.
        self.pause = float("-inf")
        self.others_taken = 0  # how often the receiver took other data between two attempts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def has_waited(self, seconds: float) -> bool:
        return time.monotonic() - self.began > seconds


class RetryingExporter:
    """Sends a batch again until the receiver takes it.

    The life of a batch: the processor gives it to export(), which returns when it is taken or
    dropped. If the receiver is away it is sent again each second, and new items wait in the
    processor's queue. If it is not taken for ISOLATE_AFTER_SECONDS, export() keeps it in _waiting
    and returns early, so that later batches pass; it is split at each further attempt.

    When the queue is full the SDK drops items, and counts them in the metric
    otel.sdk.processor.span.processed with error.type=queue_full.
    """

    def __init__(
        self,
        exporter: Any,
        kind: ItemKind,
        receiver: Receiver = SOME_RECEIVER,
    ):
        """Wrap an exporter of spans or log records; log lines name its `receiver`."""
        self._exporter = exporter
        self._kind = kind
        queue_size = os.environ.get(kind.queue_size) or 2048
        batch_size = os.environ.get(kind.batch_size) or 512
        self.large_items = LargeItems()  # in the queue, or waiting here
        self._backlog = Backlog(int(queue_size))
        self._sender = Sender(kind, self._export, receiver, self._backlog)
        self._full_batch = int(batch_size)  # items
        self._waiting: list[_Batch] = []
        # The SDK's shutdown() waits 30 s for the worker thread that is in export(), and then calls
        # shutdown() beside it. Both would send the same parts.
        self._one_sends = threading.Lock()
        self._more_items = threading.Event()  # set while the processor has more
        self._shutting_down = threading.Event()
        self._ends_at = float("inf")  # by time.monotonic()
        os.register_at_fork(after_in_child=self._forget)

    def item_added(self) -> None:
        """Note that the processor has another item: export() may return early for it."""
        self._backlog.add()
        if not self._more_items.is_set():
            self._more_items.set()

    def drop_new(self, item: Any) -> None:
        """Count an item that has no room in the queue, because it is large and others are too."""
        self._backlog.lose(1)
        limit = f"{ALL_BYTES} bytes of large {self._kind.plural} wait at most"
        self._sender.count_lost([item], Answer(Verdict.FULL, limit))

    def prepare_shutdown(self) -> None:
        """Make no long pauses from now on, and let export() return early for every batch."""
        if not self._shutting_down.is_set():
            self._ends_at = time.monotonic() + END_AFTER_SECONDS
        self._shutting_down.set()
        self._more_items.set()

    def export(self, items: Sequence[Any]) -> None:
        """Send items; return when they are taken or dropped, or early."""
        forks.report_if_forked()
        self._backlog.leave_queue(len(items))
        batch = _Batch(self._parts([*items]))
        if len(items) < self._full_batch:  # the processor's queue is empty now
            self._more_items.clear()
        self._waiting.append(batch)
        while True:
            pause = self._send_due()
            if self._is_hopeless():
                self._waiting.clear()
            if not pause or self._may_return(batch):
                return
            self._wait(batch, pause)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is due; return whether nothing is left."""
        return not self._send_due()

    def shutdown(self) -> None:
        """Send what waits, for END_AFTER_SECONDS, and end the exporter."""
        self.prepare_shutdown()
        while pause := self._send_due():
            if self._is_hopeless():
                self._waiting.clear()
                break
            time.sleep(pause)
        self._sender.log_dropped()
        self._exporter.shutdown()

    def _is_hopeless(self) -> bool:
        """Return whether the process ends, and nobody has chosen a receiver: it does not wait."""
        return self._shutting_down.is_set() and self._sender.outage.has_no_receiver

    def _may_return(self, batch: _Batch) -> bool:
        """Return whether export() returns early, so that the processor gives the next batch.

        While the processor has nothing else, export() stays and serves what waits. Otherwise it
        returns if this batch was taken, if the process ends, or if the batch has waited for long.
        """
        if not self._more_items.is_set():
            return False
        if batch not in self._waiting or self._shutting_down.is_set():
            return True
        if self._has_room():
            return batch.has_waited(ISOLATE_AFTER_SECONDS)
        if self._backlog.queue_is_full and batch.has_waited(PROBE_AFTER_SECONDS):
            self._drop_oldest()
            return True
        return False

    def _has_room(self) -> bool:
        """Return whether another batch may wait."""
        items = sum(map(len, self._waiting))
        return items <= MAX_WAITING_BATCHES * self._full_batch

    def _drop_oldest(self) -> None:
        """Drop the oldest batch. A full queue loses items anyway, so this costs none."""
        with self._one_sends:
            oldest = self._waiting.pop(0)
            self._backlog.lose(len(oldest))
            answer = Answer(Verdict.FULL, "nothing is taken, and the queue is full")
            self._drop(oldest, answer)

    def _wait(self, batch: _Batch, pause: float) -> None:
        """Wait for the next attempt, or less if something ends the pause."""
        if batch not in self._waiting:
            self._more_items.wait(pause)  # only older batches wait: the next new one may come
        elif self._shutting_down.is_set():
            time.sleep(pause)  # a second at most
        else:
            # Look each second whether the batch has waited long enough to let others pass.
            self._shutting_down.wait(min(pause, PAUSE_SECONDS))

    def _parts(self, items: list[Any]) -> list[Part]:
        """Return items as Sender.parts() does, at no cost if all of them are small."""
        if not self.large_items.bytes:
            return [items]
        return self._sender.parts(items)

    def _send_due(self) -> float:
        """Send what is due; return the seconds until something else is, or 0 if nothing waits.

        It returns after a slow attempt in any case: new items need not wait until the receiver
        has been silent about each old batch.
        """
        while True:
            with self._one_sends:
                if not self._waiting:
                    return 0.0
                began = time.monotonic()
                if began >= self._ends_at and self._sender.outage.lasts:
                    self._drop_all()
                    return 0.0
                batch = min(self._waiting, key=self._due)
                pause = self._due(batch) - began
                if pause > 0:
                    return pause
                self._send(batch)
                was_slow = time.monotonic() - began > PAUSE_SECONDS
                if was_slow and self._waiting:
                    return SHORT_PAUSE_SECONDS

    def _send(self, batch: _Batch) -> None:
        """Send a batch once; it waits on if a part of it is not taken."""
        began = time.monotonic()
        answer = self._sender.send(batch.parts, batch.began)
        now = time.monotonic()
        if answer and now >= self._ends_at:
            ending = replace(answer, verdict=Verdict.ENDING)
            self._drop(batch, ending)
        elif answer:
            was_quick = now - began < PAUSE_SECONDS
            self._postpone(batch, answer, was_quick)
        if not batch.parts:
            self._waiting.remove(batch)

    def _drop(self, batch: _Batch, answer: Answer) -> None:
        """Drop what is left of a batch."""
        self._sender.drop(remove_all(batch.parts), answer)

    def _drop_all(self) -> None:
        """Drop what waits at the end of the process, without asking the receiver for each batch."""
        for batch in self._waiting:
            self._drop(batch, Answer(Verdict.ENDING, "the receiver is away"))
        self._waiting.clear()

    def _due(self, batch: _Batch) -> float:
        """Return when the batch is sent next, by time.monotonic()."""
        pause = batch.pause
        if self._shutting_down.is_set():
            pause = min(pause, PAUSE_SECONDS)
        return min(batch.tried + pause, self._ends_at)

    def _postpone(self, batch: _Batch, answer: Answer, was_quick: bool) -> None:
        """Decide when a batch is sent again, and in which parts."""
        if self._sender.outage.taken_at > batch.tried:
            batch.others_taken += 1
        # Each attempt may hold up others until it times out, so hopeless ones become rare.
        pause = min(PAUSE_SECONDS * (1 + batch.others_taken), SLOW_PAUSE_SECONDS)
        if batch.has_waited(ISOLATE_AFTER_SECONDS):
            was_split = self._isolate(batch, answer)
            receiver_is_well = batch.others_taken and was_quick and not answer.wait_seconds
            if was_split and receiver_is_well:
                pause = 0.0  # find at once what the receiver does not take
        batch.pause = min(max(pause, answer.wait_seconds), MAX_PAUSE_SECONDS)
        batch.tried = time.monotonic()

    def _isolate(self, batch: _Batch, answer: Answer) -> bool:
        """Split the part that was not taken, or drop it if it is a single item that never will be.

        Return whether it was split. A single item that stays is sent after all other parts.
        """
        part = batch.parts.pop()
        if len(part) > 1:
            batch.parts += halves(part)
            return True
        others_taken = batch.others_taken >= DROP_AFTER_OTHERS_TAKEN
        if others_taken and batch.has_waited(DROP_AFTER_SECONDS):
            self._sender.drop(part, answer)
        else:
            batch.parts.insert(0, part)
        return False

    def _forget(self) -> None:
        """Forget what waits, in a forked child: the parent sends it."""
        self.large_items.renew()  # first: what is forgotten below is released there
        self._backlog.renew()
        self._sender.renew()
        self._waiting.clear()
        self._one_sends = threading.Lock()

    def _export(self, part: Part) -> Any:
        with forks.held_back():
            return self._exporter.export(part)
