"""When telemetry starts and stops: once in a process, after any fork, and for no longer than a deadline."""

import logging
import os
import threading
import time
from typing import Any

DEADLINE_SECONDS = 5.0  # below the grace period of every manifest; the SDK alone waits up to 30 s a signal

log = logging.getLogger(__name__)
_configured_in: int | None = None
to_drain: list[list[Any]] = []  # providers or None; those of one list are shut down together, list after list


def first_call_in_this_process() -> bool:
    """Tell whether configure() may go on; log an ERROR in a process that was forked after it."""
    global _configured_in
    before, _configured_in = _configured_in, os.getpid()
    if before not in (None, os.getpid()):
        log.error("configure() ran in process %d before it forked: call it after the fork, in the child, only", before)
    return before is None


def drain() -> None:
    """Shut the providers down, each in a thread that is left behind when DEADLINE_SECONDS are over."""
    end = time.monotonic() + DEADLINE_SECONDS
    while to_drain:
        threads = [threading.Thread(target=p.shutdown, daemon=True) for p in to_drain.pop(0) if p]
        for thread in threads:
            try:
                thread.start()
            except RuntimeError:  # Python 3.12.0 to 3.12.2 start no thread in atexit: better late than lost
                thread.run()
        for thread in filter(threading.Thread.is_alive, threads):
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            log.error("not everything could be sent within %g s of shutdown; the rest is lost", DEADLINE_SECONDS)
