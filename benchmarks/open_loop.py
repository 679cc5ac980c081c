"""`python -m benchmarks.open_loop PORT RATE SECONDS`: requests at a constant rate, whatever the service does.

A client that waits for one answer before it sends the next request stops when the service stops, and then measures one
slow request where users would see many. Here each request has a time at which it is due, and its latency counts from
then. It is a process of its own, because the receiver's threads would delay its requests.
"""

import gc
import http.client
import json
import sys
import threading
import time
from contextlib import closing
from itertools import count

from .load import BODY, HEADERS

CONNECTIONS = 64  # a stall of 0.2 s is 60 requests at 300 a second: each is sent when it is due
LEAD_SECONDS = 0.2  # for the connections to open


def schedule(begin: float, rate: float, seconds: float) -> list[float]:
    """Return when each request is due: evenly, from `begin` on, for so many seconds."""
    return [begin + number / rate for number in range(round(rate * seconds))]


def run(port: int, rate: float, seconds: float) -> list[float]:
    """Send the requests; return the latency of each in seconds. Raise RuntimeError unless all are answered by 201."""
    due = schedule(time.monotonic() + LEAD_SECONDS, rate, seconds)
    latencies: list[float] = []
    failed: list[object] = []
    numbers = count()

    def send() -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.connect()
                while (number := next(numbers)) < len(due):
                    time.sleep(max(0.0, due[number] - time.monotonic()))
                    connection.request("POST", "/transactions", BODY, HEADERS)
                    answer = connection.getresponse()
                    answer.read()
                    latencies.append(time.monotonic() - due[number])
                    if answer.status != 201:
                        failed.append(answer.status)
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed or len(latencies) != len(due):
        first = repr(failed[0]) if failed else "no error"
        raise RuntimeError(f"{len(latencies)} of {len(due)} requests were answered, {len(failed)} failed: {first}")
    return latencies


if __name__ == "__main__":
    gc.disable()  # or its pauses would count as the service's
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))))
