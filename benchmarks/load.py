"""Load, and what a process has used of CPU time and memory, read from outside."""

import http.client
import re
import threading
import time
from contextlib import closing
from pathlib import Path

from tests.harness.waiting import wait_until

BODY = b'{"amount_cents": 4999}'
HEADERS = {"content-type": "application/json"}


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process has used in all its threads, to the nanosecond.

    The clock of clock_getcpuclockid(3): utime + stime of /proc/<pid>/stat, which count in steps of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds in RAM (RSS), in MB of 2**20 bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError(f"process {pid} has ended")
    return int(found[1]) / 1024


def wait_until_alive(port: int, timeout: float = 30) -> None:
    """Return as soon as /healthz answers 200; raise TimeoutError after `timeout` seconds."""

    def answers() -> bool:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
        except OSError:
            return False

    wait_until(answers, f"an answer on port {port}", timeout, 0.002)


def post(port: int, requests: int, connections: int = 4) -> None:
    """POST transactions over keep-alive connections; raise RuntimeError unless each is answered by 201."""
    failed: list[object] = []

    def send(count: int) -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                for _ in range(count):
                    connection.request("POST", "/transactions", BODY, HEADERS)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 201:
                        failed.append(answer.status)
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)

    share, rest = divmod(requests, connections)
    threads = [threading.Thread(target=send, args=(share + (i < rest),)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {requests} requests failed, the first with {failed[0]!r}")
