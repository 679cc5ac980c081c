"""The load with a constant arrival rate."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from benchmarks import open_loop

STALL_SECONDS = 0.4
RATE = 100


@contextmanager
def service(stall_at: int | None = None, status: int = 201) -> Iterator[int]:
    """Serve on a port of loopback; request `stall_at` stops all others for STALL_SECONDS."""
    busy = threading.Lock()
    answered = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            nonlocal answered
            self.rfile.read(int(self.headers["content-length"]))
            with busy:
                answered += 1
                if answered == stall_at:
                    time.sleep(STALL_SECONDS)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_requests_are_due_at_even_times() -> None:
    """At 300 a second there are 600 in two seconds, a 300th of a second apart, the first at the beginning."""
    due = open_loop.schedule(10.0, 300, 2)
    assert len(due) == 600
    assert due[0] == 10.0
    assert due[-1] == pytest.approx(12.0 - 1 / 300)
    assert {round(after - before, 6) for before, after in pairwise(due)} == {round(1 / 300, 6)}


@pytest.mark.parametrize("connections", [1, 64])
def test_a_stall_counts_for_each_request_that_it_delays(connections: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stops for 0.4 s at 100 requests a second delays 40 of them, by 0.2 s on average.

    That is so too for requests that wait in the client, because no connection is free.
    """
    monkeypatch.setattr(open_loop, "CONNECTIONS", connections)
    with service(stall_at=30) as port:
        latencies = open_loop.run(port, RATE, 1)
    delayed = [latency for latency in latencies if latency > STALL_SECONDS / 4]
    assert len(latencies) == RATE
    assert len(delayed) >= STALL_SECONDS * RATE * 0.6
    assert max(latencies) >= STALL_SECONDS


def test_a_request_that_fails_ends_the_measurement() -> None:
    """An answer other than 201 would be a latency of something else."""
    with service(status=500) as port, pytest.raises(RuntimeError, match="10 of 10 requests were answered, 10 failed"):
        open_loop.run(port, RATE, 0.1)
