"""What arrived at a receiver, kept to be read, waited for and forgotten."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from .faults import HEALTHY
from .records import SERVICES, Log, Point, Request, Signal, Span

if TYPE_CHECKING:
    from collections.abc import Callable


class Arrivals:
    """Keeps what the servers give it, and tells them what to answer."""

    def __init__(self) -> None:
        """Begin with nothing received and no fault."""
        self._fault = HEALTHY
        self._changed = threading.Condition()
        self.clear()

    @property
    def spans(self) -> list[Span]:
        """Return the spans received, in order of arrival."""
        return self._read("traces")

    @property
    def metrics(self) -> list[Point]:
        """Return the data points received, in order of arrival."""
        return self._read("metrics")

    @property
    def logs(self) -> list[Log]:
        """Return the log records received, in order of arrival."""
        return self._read("logs")

    @property
    def requests(self) -> list[Request]:
        """Return every request that arrived whole, refused ones included, in order of arrival."""
        with self._changed:
            return list(self._requests)

    @property
    def rejected(self) -> int:
        """Return how many items were answered by an error, a redirect or as rejected."""
        with self._changed:
            return self._rejected

    def count(self, signal: Signal) -> int:
        """Return how many items of a signal were received, at a price that does not grow with them."""
        with self._changed:
            return self._counts[signal]

    def wait_for(self, condition: Callable[[Self], bool], timeout: float = 10.0) -> bool:
        """Wait until a condition on this receiver holds, at most `timeout` seconds; tell whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def clear(self) -> None:
        """Forget all that arrived, but not the fault."""
        with self._changed:
            self._unread: dict[str, list[tuple[Any, int]]] = {signal: [] for signal in SERVICES}
            self._records: dict[str, list[Any]] = {signal: [] for signal in SERVICES}
            self._counts = dict.fromkeys(SERVICES, 0)
            self._requests: list[Request] = []
            self._rejected = 0

    def _read(self, signal: Signal) -> list[Any]:
        with self._changed:
            records, unread = self._records[signal], self._unread[signal]
            for request, kept in unread:
                records += islice(SERVICES[signal].read(request), kept)
            unread.clear()
            return list(records)

    def wake(self) -> None:
        """Make whoever waits look again; for the servers."""
        with self._changed:
            self._changed.notify_all()

    def arrived(self, seen: Request) -> None:
        """Keep a request without its contents; for the servers."""
        with self._changed:
            self._requests.append(seen)
            self._changed.notify_all()

    def admit(self, seen: Request, request: Any, gone: Callable[[], bool]) -> Any:
        """Return what to answer: a response, a fault, or None if the client is gone; for the servers.

        Data is kept before its answer is sent, so that a client that was answered can read it at once.
        """
        with self._changed:
            self.arrived(seen)
            fault = self._fault if self._fault.signal in {None, seen.signal} else HEALTHY
            if fault.holding and fault.holding not in {
                getattr(i, "name", "") for i in SERVICES[seen.signal].read(request)
            }:
                fault = HEALTHY
            if fault.seconds and self._changed.wait_for(gone, fault.seconds):
                return None
            kept = max(0, seen.items - fault.rejected) if fault.code is None else 0
            self._rejected += seen.items - kept
            self._counts[seen.signal] += kept
            if fault.code is None:
                self._unread[seen.signal].append((request, kept))
            self._changed.notify_all()
            return SERVICES[seen.signal].respond(fault.rejected, fault.message) if fault.code is None else fault
