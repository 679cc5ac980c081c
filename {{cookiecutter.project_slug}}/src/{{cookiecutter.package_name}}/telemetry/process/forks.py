"""One configure() in a process, and no fork during an export.

Configure telemetry after any fork. If a process forks later all the same, the child inherits each
lock as it is at that moment. A lock that another thread holds then stays locked in the child for
ever, because only the forking thread lives on there.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

FORK_WAITS_SECONDS = 2.0  # the longest time that a fork waits for exports

log = logging.getLogger(__name__)
_configured_in: int | None = None  # the id of the process


def first_call_in_this_process() -> bool:
    """Return whether configure() may go on.

    Log an ERROR in a child that was forked after configure() ran in its parent.
    """
    global _configured_in
    if _configured_in is None:
        _configured_in = os.getpid()
        return True
    report_if_forked()
    return False


def report_if_forked() -> None:
    """Log one ERROR in a process that inherited its telemetry from its parent."""
    global _configured_in
    parent = _configured_in
    this = os.getpid()
    if parent in (None, this):
        return
    _configured_in = this
    log.error(
        "configure() ran in process %d before it forked: "
        "call it after the fork, in the child, only",
        parent,
    )


class _Exports:
    """Lets a fork wait for the exports that run, and new exports for the fork."""

    def __init__(self) -> None:
        self._handlers: list[logging.Handler] = []  # those that a fork has locked
        self.reset()

    def reset(self) -> None:
        """Forget exports and forks; in a child the threads of its parent do not run."""
        self._changed = threading.Condition()
        self._running = 0
        self._forks = 0

    @contextmanager
    def running(self, wait_for_fork: bool) -> Iterator[None]:
        """Count an export while it runs."""
        with self._changed:
            if wait_for_fork:
                self._changed.wait_for(lambda: not self._forks)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait until no lock is held that the child needs."""
        with self._changed:
            self._forks += 1
        deadline = time.monotonic() + FORK_WAITS_SECONDS
        _let_threads_leave_their_locks()
        while self._running and time.monotonic() < deadline:
            _let_threads_leave_their_locks()
        # A thread that writes a log line holds the lock of its stream.
        self._handlers = list(logging.getLogger().handlers)
        for handler in self._handlers:
            handler.acquire()

    def after_fork(self) -> None:
        """Go on in the parent; in the child logging makes new locks for its handlers."""
        for handler in self._handlers:
            handler.release()
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


def _let_threads_leave_their_locks() -> None:
    """Let the other threads run until each waits for something, or for 2 ms.

    The SDK locks a counter for microseconds at each span. A thread that waits has left such a lock.
    Until then Python must not interrupt it, so for these 2 ms it switches threads after 0.1 s only.
    """
    normal = sys.getswitchinterval()
    sys.setswitchinterval(0.1)
    time.sleep(0.002)
    sys.setswitchinterval(normal)


_exports = _Exports()


def held_back(wait_for_fork: bool = True) -> AbstractContextManager[None]:
    """Hold forks back during an export, for FORK_WAITS_SECONDS at most; then they go on.

    An export that would begin during a fork waits for its end, unless `wait_for_fork` is false.
    """
    return _exports.running(wait_for_fork)


os.register_at_fork(
    before=_exports.before_fork,
    after_in_parent=_exports.after_fork,
    after_in_child=_exports.reset,
)
