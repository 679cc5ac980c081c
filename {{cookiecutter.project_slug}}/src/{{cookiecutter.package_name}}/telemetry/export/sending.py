"""Sends one batch: splits what is too large for the receiver, and drops what it refuses for good."""

import logging
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import metrics
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from .answers import Answer, Verdict, ask
from .items import Items

log = logging.getLogger(__name__)

Piece = list[Any]  # some items of a batch, in their order

# Of the texts of exceptions in one request: receivers take 4 MiB by default, and encoding takes three times as much memory.
TEXT_BYTES = 2 * 1024 * 1024
SECONDS_BETWEEN_LINES = 60.0  # about the same cause
# So many items that are refused one by one, and none taken between them, speak of a quota and not of a size.
MOST_REFUSED_ALONE = 4
REASONS = {
    Verdict.AGAIN: "the receiver takes other data, but not this",
    Verdict.TOO_LARGE: "one alone is larger than the receiver takes",
    Verdict.EXHAUSTED: "the receiver does not take even one of them",
    Verdict.REFUSED: "the receiver refuses them for good",
    Verdict.UNSENT: "they cannot be encoded",
}


class Sender:
    """Sends pieces of batches to one receiver; logs and counts what is dropped."""

    def __init__(self, items: Items, export: Callable[[Piece], Any]):
        """Take the kind of items, and what exports a piece of them."""
        self.taken_at = float("-inf")  # when the receiver last took something, by time.monotonic()
        self._items = items
        self._export = export
        self._dropped = 0
        self._told = 0  # how many of them a line has said
        self._logged: dict[str, float] = {}
        self._counter = None
        if items.create_counter:
            self._counter = items.create_counter(metrics.get_meter("opentelemetry-sdk"))

    def pieces(self, batch: Piece) -> list[Piece]:
        """Return a batch in pieces for send(): one, unless the batch is full of texts."""
        pieces: list[Piece] = [[]]
        size = 0
        for item in batch:
            more = self._items.text_bytes(item)
            if size + more > TEXT_BYTES and pieces[-1]:
                pieces.append([])
                size = 0
            pieces[-1].append(item)
            size += more
        return pieces[::-1]

    def send(self, pieces: list[Piece]) -> Answer | None:
        """Send the pieces, the last one first, and remove each that was taken or dropped.

        Return None when none is left, else the answer that says to send the last one again.
        """
        refused_alone = 0
        while pieces:
            piece = pieces[-1]
            answer = ask(lambda piece=piece: self._export(piece))  # type: ignore[misc]
            if answer.verdict is Verdict.AGAIN:
                return answer
            pieces.pop()
            if answer.verdict is Verdict.TAKEN:
                self.taken_at = time.monotonic()
                refused_alone = 0
            elif answer.verdict is not Verdict.REFUSED and len(piece) > 1:
                pieces += halves(piece)
            else:
                refused_alone += 1
                if answer.verdict is Verdict.EXHAUSTED and refused_alone == MOST_REFUSED_ALONE:
                    piece = piece + [item for rest in reversed(pieces) for item in rest]
                    pieces.clear()
                self.drop(piece, answer)
        return None

    def drop(self, piece: Piece, answer: Answer) -> None:
        """Count items that are lost, and log an ERROR, one a minute for each cause."""
        self._dropped += len(piece)
        if self._counter:
            self._counter.add(len(piece), {ERROR_TYPE: answer.verdict.value})
        cause = answer.text.partition(":")[0]
        now = time.monotonic()
        if now - self._logged.get(cause, float("-inf")) < SECONDS_BETWEEN_LINES:
            return
        self._logged[cause] = now
        self._told = self._dropped
        log.error(
            "%d %s dropped, %d since the start: %s (%.200s). The first is %.100r",
            len(piece),
            self._items.plural,
            self._dropped,
            REASONS[answer.verdict],
            answer.text,
            self._items.name(piece[0]),
        )

    def log_dropped(self) -> None:
        """Log the sum at the end, where more was dropped than the lines have said."""
        if self._dropped > self._told:
            log.error("%d %s dropped since the start", self._dropped, self._items.plural)


def halves(piece: Piece) -> list[Piece]:
    """Return the second and the first half, so that the first is the next that is sent."""
    middle = len(piece) // 2
    return [piece[middle:], piece[:middle]]
