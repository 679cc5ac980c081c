"""Requests to the service, each with a trace of its own that begins with the caller."""

import os
import threading
import time
from contextlib import closing
from typing import Self

from ..harness.service import Service


class Traffic:
    """Sends transactions and remembers the traces of those that were answered, and how long the answers took."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.traces: set[str] = set()
        self.seconds: list[float] = []
        self.failed = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def send(self, service: Service, requests: int, pause: float = 0.0) -> list[float]:
        """Send so many requests, one after the other; return the seconds that each took."""
        took: list[float] = []
        with closing(service.connect()) as connection:
            for _ in range(requests):
                if self._stop.wait(pause) if pause else False:
                    break
                trace = os.urandom(16).hex()
                began = time.monotonic()
                header = {"traceparent": f"00-{trace}-{os.urandom(8).hex()}-01"}
                if service.post(4999, headers=header, connection=connection) == 201:
                    self.traces.add(trace)
                else:
                    self.failed += 1
                took.append(time.monotonic() - began)
        self.seconds += took
        return took

    def during(self, service: Service, pause: float) -> Self:
        """Go on sending, in the background, with a pause between requests: `with traffic.during(...):`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self.send, args=(service, 1_000_000, pause), daemon=True)
        return self

    def __enter__(self) -> Self:
        """Start."""
        assert self._thread is not None
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, once the request that is open is answered."""
        assert self._thread is not None
        self._stop.set()
        self._thread.join(30)
