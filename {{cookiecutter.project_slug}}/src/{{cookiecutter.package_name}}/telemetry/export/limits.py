"""Length limits: what clients and exceptions write must not fill the memory while it waits."""

import os
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import Any

SPAN = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
OTHERS = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"

# A long text is one above the limit for spans, such as a stack trace. So much of them may wait, in
# bytes, for each signal. While more waits, they are cut to the limit for spans.
LONG_TEXT_BYTES = 32 * 1024 * 1024


def limit(variable: str) -> int:
    """Return a limit of the environment, in characters."""
    return int(os.environ.get(variable) or sys.maxsize)


def text_bytes(attributes: Mapping[str, Any], longer_than: int = 0) -> int:
    """Return how much memory the texts take, or those that are longer than so many characters."""
    texts = [text for text in attributes.values() if isinstance(text, str)]
    return sum(sys.getsizeof(text) for text in texts if len(text) > longer_than)


class LongTexts:
    """Counts the bytes of long texts that wait."""

    def __init__(self) -> None:
        self._bytes = 0
        # Reentrant: the garbage collector may call _release() while this thread is in has_room().
        self._lock = threading.RLock()

    def has_room(self, owner: object, attributes: Mapping[str, Any]) -> bool:
        """Return whether the long texts may stay; they count until their owner is gone."""
        size = text_bytes(attributes, longer_than=limit(SPAN))
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
