"""Sends one batch: splits what is too large, and drops what the receiver refuses for good."""

import logging
import re
import threading
from collections.abc import Callable
from typing import Any

from opentelemetry import metrics
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from ..throttle import Throttle
from .answers import Answer, Verdict, ask
from .items import ItemKind
from .outage import SOME_RECEIVER, Backlog, Outage, Receiver

log = logging.getLogger(__name__)

Part = list[Any]  # some items of a batch, in their order

# How many bytes of memory the items of one request may take. Receivers take 4 MiB by default, and
# encoding takes up to six times as much memory.
REQUEST_BYTES = 2 * 1024 * 1024
SECONDS_BETWEEN_LINES = 60.0  # of the same cause
# After so many items that were refused one by one, and none taken between them, a quota is the
# likely cause and not a size: the rest of the batch is dropped without asking.
MAX_SINGLE_REFUSALS = 4
# Numbers, ids and names in a receiver's words: without them, they are the same for each batch.
WHAT_VARIES = re.compile(r"[\w-]*\d[\w-]*|'[^']*'|\"[^\"]*\"")
REASONS = {
    # Only for a single item that was not taken while others were: see retrying.py.
    Verdict.AGAIN: "the receiver takes other data, but not this",
    Verdict.FULL: "there is no room to let them wait",
    Verdict.ENDING: "the service ends, and the receiver does not take them",
    Verdict.TOO_LARGE: "one alone is larger than the receiver takes",
    Verdict.EXHAUSTED: "the receiver does not take even one of them",
    Verdict.REFUSED: "the receiver refuses them for good",
    Verdict.REJECTED: "the receiver rejects them and takes the rest of their batch",
    Verdict.UNSENT: "they cannot be encoded",
}


class Sender:
    """Sends parts of batches to one receiver; logs and counts what is dropped."""

    def __init__(
        self,
        kind: ItemKind,
        export: Callable[[Part], Any],
        receiver: Receiver = SOME_RECEIVER,
        backlog: Backlog | None = None,
    ):
        """Take the kind of items, the function that exports a part, and what log lines need."""
        self._kind = kind
        self._export = export
        self._backlog = backlog
        self.outage = Outage(kind.signal, receiver, backlog)
        self._dropped = 0
        self._logged = 0  # how many of the dropped items the last line included
        self._throttle = Throttle(SECONDS_BETWEEN_LINES)
        self.renew()
        self._counter = None
        if kind.create_counter:
            meter = metrics.get_meter("opentelemetry-sdk")
            self._counter = kind.create_counter(meter)

    def renew(self) -> None:
        """Renew the lock, in a forked child: a thread of the parent may hold it."""
        self._lock = threading.RLock()  # reentrant: see Backlog

    def parts(self, batch: list[Any]) -> list[Part]:
        """Return a batch in parts, the last one first, as send() takes them.

        It is one part, unless its items take more than REQUEST_BYTES.
        """
        parts: list[Part] = [[]]
        size = 0
        for item in batch:
            item_size = self._kind.memory(item)
            if parts[-1] and size + item_size > REQUEST_BYTES:
                parts.append([])
                size = 0
            parts[-1].append(item)
            size += item_size
        parts.reverse()
        return parts

    def send(self, parts: list[Part], first_tried: float) -> Answer | None:
        """Send the parts, the last one first, and remove each that was taken or dropped.

        `first_tried` is when their batch was tried for the first time, by time.monotonic().
        Return None when none is left, else the answer that says to send the last one again.
        """
        single_refusals = 0
        while parts:
            part = parts[-1]
            answer = ask(self._export, part)
            if answer.verdict is Verdict.AGAIN:
                self.outage.failed(answer, first_tried)
                return answer
            parts.pop()
            if answer.verdict is Verdict.TAKEN:
                self.outage.taken()
                self._remove_from_backlog(len(part))
                single_refusals = 0
                self._read_partial_success(answer, len(part))
                continue
            if len(part) > 1 and answer.verdict is not Verdict.REFUSED:
                parts += halves(part)
                continue
            single_refusals += 1
            if answer.verdict is Verdict.EXHAUSTED and single_refusals >= MAX_SINGLE_REFUSALS:
                part = part + remove_all(parts)
            self.drop(part, answer)
        return None

    def drop(self, part: Part, answer: Answer) -> None:
        """Drop items that have waited."""
        self._remove_from_backlog(len(part))
        self.count_lost(part, answer)

    def count_lost(self, part: Part, answer: Answer) -> None:
        """Count items that are lost, and log an ERROR, one a minute for each cause."""
        first = self._kind.name(part[0])
        reason = WHAT_VARIES.sub("", answer.text[:200])
        cause = f"{answer.verdict.value} {reason:.100}"
        example = f"The first is {first!r:.100}"
        self._count(len(part), answer, cause, example)

    def _remove_from_backlog(self, number: int) -> None:
        if self._backlog:
            self._backlog.remove(number)

    def _read_partial_success(self, answer: Answer, size: int) -> None:
        """Count what a receiver rejects in its answer to a request that it takes."""
        if answer.rejected > 0:
            rejection = Answer(Verdict.REJECTED, answer.text)
            rejected = min(answer.rejected, size)
            self._count(rejected, rejection, "rejected", f"They were among {size}")
        elif answer.text and self._throttle.allows("said"):
            log.warning("The receiver takes %s, and says: %.200s", self._kind.plural, answer.text)

    def _count(self, number: int, answer: Answer, cause: str, example: str) -> None:
        if self._counter:
            self._counter.add(number, {ERROR_TYPE: answer.verdict.value})
        with self._lock:
            self._dropped += number
            if not self._throttle.allows(cause):
                return
            dropped = self._logged = self._dropped
        log.error(
            "%d %s dropped, %d since the start: %s (%.200s). %s",
            number,
            self._kind.plural,
            dropped,
            REASONS[answer.verdict],
            answer.text,
            example,
        )

    def log_dropped(self) -> None:
        """Log the sum at the end, if more was dropped since the last line."""
        if self._dropped > self._logged:
            log.error("%d %s dropped since the start", self._dropped, self._kind.plural)


def halves(part: Part) -> list[Part]:
    """Return the second and the first half: send() takes the last one first."""
    middle = len(part) // 2
    return [part[middle:], part[:middle]]


def remove_all(parts: list[Part]) -> list[Any]:
    """Empty a list of parts, and return their items in the order of sending."""
    items = []
    while parts:
        items += parts.pop()
    return items
