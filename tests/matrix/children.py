"""A program whose children do the work; run by a generated service's own Python, so it must not import the harness.

`children.py PACKAGE METHOD KIND COUNT` starts two children by this method ("fork", "spawn", "forkserver"), as a
"pool", as an "executor" or each as a "process", has them process COUNT transactions, and waits: for SIGTERM, SIGINT,
or SIGUSR1, upon which it comes to its end by itself.
"""

import importlib
import multiprocessing
import signal
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def configure(package: str) -> None:
    """Configure telemetry: in the child, and so after the fork."""
    importlib.import_module(f"{package}.telemetry").configure()


def configure_in_pool(package: str) -> None:
    """Leave Ctrl-C to the parent: a pool whose children it interrupts, too, may wait for ever, telemetry or none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure(package)


def work(package: str, amount_cents: int) -> None:
    """Do one unit of work."""
    importlib.import_module(f"{package}.transactions").process_transaction(amount_cents)


def work_off(package: str, queue: Any) -> None:
    """Be a child that takes amounts from a queue until it is told to stop, by a None."""
    configure(package)
    for amount_cents in iter(queue.get, None):
        work(package, amount_cents)


def wait_for_the_end() -> None:
    """Return at SIGUSR1, and raise at SIGTERM: a program that sees to its children must not just vanish."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    signal.pause()


def serve(package: str, context: Any, kind: str, amounts: Iterable[int]) -> None:
    """Have two children of this kind do the work, and wait for the end."""
    jobs = [(package, amount) for amount in amounts]
    if kind == "pool":
        with context.Pool(2, configure_in_pool, (package,)) as pool:
            pool.starmap(work, jobs, chunksize=1)
            wait_for_the_end()
            pool.close()
            pool.join()
    elif kind == "executor":
        with ProcessPoolExecutor(2, context, configure, (package,)) as executor:
            list(executor.map(work, *zip(*jobs, strict=True)))
            wait_for_the_end()
    else:
        queue = context.Queue()
        children = [context.Process(target=work_off, args=(package, queue), daemon=True) for _ in range(2)]
        for child in children:
            child.start()
        for _, amount in jobs:
            queue.put(amount)
        wait_for_the_end()
        for _ in children:
            queue.put(None)
        for child in children:
            child.join()


def main() -> None:
    """Run."""
    package, method, kind, count = sys.argv[1:]
    serve(package, multiprocessing.get_context(method), kind, range(int(count)))


if __name__ == "__main__":
    main()
