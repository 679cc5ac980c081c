"""Run by a rendered service's Python: forks again and again while spans, metrics and log records are exported.

Ends with the line `parent=N hung=N`: how many spans the parent made, and how many children did not end.
"""

import importlib
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

AT_ONCE, PATIENCE_SECONDS = 4, 30


def main(package: str, forks: int) -> None:
    """Fork so many children, AT_ONCE at most at a time; each makes a span and drains."""
    telemetry: Any = importlib.import_module(f"{package}.telemetry")
    trace: Any = importlib.import_module("opentelemetry.trace")
    metrics: Any = importlib.import_module("opentelemetry.metrics")
    telemetry.configure()
    tracer, counter = trace.get_tracer("t"), metrics.get_meter("t").create_counter("t")
    made, done = [0], threading.Event()

    def work() -> None:
        while not done.is_set():
            tracer.start_span("parent").end()
            counter.add(1)
            logging.getLogger("work").info("made a span")
            made[0] += 1
            time.sleep(0.001)

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(1)  # exports are under way
    children: dict[int, float] = {}
    hung = 0
    while forks or children:
        if forks and len(children) < AT_ONCE:
            forks -= 1
            pid = os.fork()
            if not pid:
                tracer.start_span("child").end()
                telemetry.shutdown()
                os._exit(0)
            children[pid] = time.monotonic()
        for pid, since in list(children.items()):
            ended = os.waitpid(pid, os.WNOHANG)[0]
            if not ended and time.monotonic() - since > PATIENCE_SECONDS:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                hung += 1
                ended = pid
            if ended:
                del children[pid]
        time.sleep(0.002)
    done.set()
    worker.join()
    telemetry.shutdown()
    print(f"\nparent={made[0]} hung={hung}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
