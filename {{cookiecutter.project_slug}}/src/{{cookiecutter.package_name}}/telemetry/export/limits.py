"""Limits: what clients and exceptions write must not fill the memory while it waits."""

import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from sys import getsizeof
from typing import Any

SPAN_LENGTH = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
LENGTH = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"  # for everything but the attributes of spans
SHORT_TEXT = 255  # characters of a name or a body that are kept, however low the limits are

# What waits of each signal is bounded: small items by the length of the queue, large ones by their
# memory. Of large ones this many bytes wait as they are,
WHOLE_BYTES = 32 * 1024 * 1024
# and so many with each text cut to CUT_TEXT characters. What does not fit then is dropped.
ALL_BYTES = 64 * 1024 * 1024
CUT_TEXT = 1024
SMALL_BYTES = 4096  # an item of less is small
# What OpenTelemetry and Python need for one event, and for one attribute beside name and value.
EVENT_BYTES = 512
ATTRIBUTE_BYTES = 50
ENTRY_BYTES = 120  # the same for a mapping inside, which may keep an order

FLAT = frozenset({bool, bytes, float, int, str})


def limit(variable: str) -> int:
    """Return a limit of the environment, in characters."""
    return int(os.environ.get(variable) or sys.maxsize)


def cut(value: Any, length: int) -> Any:
    """Return the beginning of a text or of bytes, and anything else as it is."""
    if isinstance(value, (str, bytes)):
        return value[:length]
    return value


def memory(attributes: Any) -> int:
    """Return about how many bytes of memory attributes take."""
    if not attributes:
        return 0
    items = attributes.copy()  # a dict is faster than the SDK's mappings
    values = items.values()
    size = ATTRIBUTE_BYTES * len(values)
    size += sum(map(getsizeof, items)) + sum(map(getsizeof, values))
    if FLAT.issuperset(map(type, values)):
        return size
    return size + sum(map(memory_inside, values))


def memory_inside(value: Any) -> int:
    """Return about how many bytes of memory the items of a list or a mapping take."""
    size = 0
    seen = set()  # a list may be in itself, or in another more than once
    rest = [value]
    while rest:
        outer = rest.pop()
        items: list[Any] = []
        if id(outer) in seen:
            continue
        if isinstance(outer, Mapping):
            items = [*outer, *outer.values()]
            size += ENTRY_BYTES * len(outer)
        elif isinstance(outer, (list, tuple, deque)):
            items = [*outer]
        if items:
            seen.add(id(outer))
        size += sum(map(_size, items))
        rest += items
    return size


def _size(value: Any) -> int:
    try:
        return getsizeof(value)
    except Exception:  # noqa: BLE001, a log body may be any object
        return 0


class LargeItems:
    """Counts the memory of the large items that wait."""

    def __init__(self) -> None:
        self._generation = 0
        self.renew()

    def renew(self) -> None:
        """Begin anew, in a forked child: a thread of the parent may hold the lock, or an item."""
        self.bytes = 0
        self._generation += 1
        # Reentrant: the garbage collector may call _release() while this thread is in reserve().
        self._lock = threading.RLock()

    def reserve(
        self,
        owner: object,
        size: int,
        most: int,
    ) -> bool:
        """Count an item until its owner is gone from memory.

        Return False, and count nothing, if more than `most` bytes would wait.
        """
        if size < SMALL_BYTES:
            return True
        with self._lock:
            if self.bytes + size > most:
                return False
            self.bytes += size
        release = weakref.finalize(owner, self._release, size, self._generation)
        release.atexit = False
        return True

    def _release(self, size: int, generation: int) -> None:
        if generation != self._generation:  # the parent has counted it
            return
        with self._lock:
            self.bytes -= size
