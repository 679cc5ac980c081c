"""Length limits: what clients and exceptions write must not fill the memory while it waits."""

import os
import sys
import threading
import weakref
from collections.abc import Iterable
from typing import Any

SPAN_LENGTH = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
LENGTH = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"  # for everything but the attributes of spans
SHORT_TEXT = 255  # characters of a name or a body that are kept, however low the limits are

# A long text is one above the limit for spans, such as a stack trace. This many bytes of them may
# wait for each signal. While more wait, new ones are cut to the limit for spans.
LONG_TEXT_BYTES = 32 * 1024 * 1024


def limit(variable: str) -> int:
    """Return a limit of the environment, in characters."""
    return int(os.environ.get(variable) or sys.maxsize)


def cut(value: Any, length: int) -> Any:
    """Return the beginning of a text or of bytes, and anything else as it is."""
    if isinstance(value, (str, bytes)):
        return value[:length]
    return value


def text_bytes(values: Iterable[Any], longer_than: int = 0) -> int:
    """Return how many bytes of memory the texts among the values take.

    Only texts of more characters than `longer_than` count.
    """
    size = 0
    for value in values:
        if isinstance(value, str) and len(value) > longer_than:
            size += sys.getsizeof(value)
    return size


class LongTexts:
    """Counts the bytes of long texts that wait."""

    def __init__(self) -> None:
        self._bytes = 0
        # Reentrant: the garbage collector may call _release() while this thread is in reserve().
        self._lock = threading.RLock()

    def reserve(self, owner: object, values: Iterable[Any]) -> bool:
        """Count the long texts among the values until their owner is gone from memory.

        Return False, and count nothing, if there is no room for them.
        """
        size = text_bytes(values, longer_than=limit(SPAN_LENGTH))
        if not size:
            return True
        with self._lock:
            if self._bytes + size > LONG_TEXT_BYTES:
                return False
            self._bytes += size
        weakref.finalize(owner, self._release, size).atexit = False
        return True

    def _release(self, size: int) -> None:
        with self._lock:
            self._bytes -= size
