"""When telemetry starts and stops: once in a process, after any fork, and for no longer than a deadline."""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, util
from typing import Any

# Below the grace period of every manifest, and long enough for an exporter's third attempt. The SDK alone waits up to
# 30 s a signal.
DEADLINE_SECONDS = 4.0
FORK_WAITS_SECONDS = 2.0

log = logging.getLogger(__name__)
_configured_in: int | None = None
_changed = threading.Condition()
_exporting = _forking = 0
_draining = threading.RLock()
_handlers: list[logging.Handler] = []
to_drain: list[list[Any]] = []  # providers or None; those of one list are shut down together, list after list


def first_call_in_this_process() -> bool:
    """Tell whether configure() may go on; log an ERROR in a process that was forked after it."""
    global _configured_in
    if _configured_in is None:
        _configured_in = os.getpid()
        return True
    tell_if_forked()
    return False


def tell_if_forked() -> bool:
    """Log one ERROR in a process that has telemetry only because its parent had it; return whether it did."""
    global _configured_in
    before, _configured_in = _configured_in, os.getpid()
    if before in (None, os.getpid()):
        return False
    log.error("configure() ran in process %d before it forked: call it after the fork, in the child, only", before)
    return True


def at_exit() -> None:
    """Have drain() called when the process ends, if nobody calls it earlier."""
    atexit.register(drain)
    if not parent_process():
        return
    # A child of multiprocessing runs no atexit; its pool ends it by SIGTERM, often while it is coming to its end already.
    util.Finalize(None, drain, exitpriority=0)
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)
        read, write = os.pipe()
        os.set_blocking(write, False)
        if (before := signal.set_wakeup_fd(write)) == -1:
            threading.Thread(target=_listen, args=(read,), daemon=True).start()
        else:  # an event loop's, which would hear of no signal any more, and waits for no lock
            signal.set_wakeup_fd(before)


def _terminated(*_: object) -> None:
    threading.Thread(target=_drain_and_end, daemon=True).start()


def _listen(pipe: int) -> None:
    # A signal that comes as the main thread begins to wait for a lock reaches _terminated() only with the next signal.
    while signal.SIGTERM not in os.read(pipe, 64):
        pass
    _drain_and_end()


def _drain_and_end() -> None:
    drain()
    os._exit(128 + signal.SIGTERM)


@contextmanager
def no_fork(may_begin: bool = False) -> Iterator[None]:
    """Keep other threads from forking meanwhile: a child would for ever find locked what an export has locked.

    A fork waits for FORK_WAITS_SECONDS at most, and then goes on. What would begin meanwhile waits for the fork,
    unless it `may_begin`.
    """
    global _exporting
    with _changed:
        _changed.wait_for(lambda: may_begin or not _forking)
        _exporting += 1
    try:
        yield
    finally:
        with _changed:
            _exporting -= 1
            _changed.notify_all()


def _before_fork() -> None:
    global _forking
    with _changed:
        _forking += 1
    end, interval = time.monotonic() + FORK_WAITS_SECONDS, sys.getswitchinterval()
    while True:
        # A thread that records must not be stopped between locking and unlocking: each may go on to where it waits.
        sys.setswitchinterval(0.1)
        time.sleep(0.002)
        sys.setswitchinterval(interval)
        if not _exporting or time.monotonic() > end:
            break
    _handlers[:] = logging.getLogger().handlers
    for handler in _handlers:  # who writes a line meanwhile holds the stream's lock, and the child could never write
        handler.acquire()


def _after_fork() -> None:
    global _forking
    for handler in _handlers:  # in the child logging makes new locks
        handler.release()
    with _changed:
        _forking -= 1
        _changed.notify_all()


def _in_child() -> None:
    global _changed, _exporting, _forking, _draining
    _changed, _exporting, _forking, _draining = threading.Condition(), 0, 0, threading.RLock()
    if signal.getsignal(signal.SIGTERM) is _terminated:
        signal.set_wakeup_fd(-1)  # it would tell the parent of this process's signals
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class _TooLate(BaseException):
    """Ends a shutdown that nothing else can end; the SDK catches every Exception."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore what asks for the end of the process meanwhile: a terminal, a pool and a server may ask twice."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    main = threading.current_thread() is threading.main_thread()  # no other thread may, and none is interrupted
    known = [number for number in asking if main and signal.getsignal(number) is not None]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in known}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def drain() -> None:
    """Shut the providers down, each in a thread that is left behind when DEADLINE_SECONDS are over."""
    end, late = time.monotonic() + DEADLINE_SECONDS, False
    with _undisturbed(), _draining:
        while to_drain:
            threads = [threading.Thread(target=p.shutdown, daemon=True) for p in to_drain.pop(0) if p]
            for thread in threads:
                try:
                    thread.start()
                except RuntimeError:  # Python 3.12.0 to 3.12.2 start no thread in atexit: it is run in this one
                    late |= not _within(end - time.monotonic(), thread.run)
            for thread in filter(threading.Thread.is_alive, threads):
                thread.join(max(0.0, end - time.monotonic()))
                late |= thread.is_alive()
    if late:
        log.error("not everything could be sent within %g s of shutdown; the rest is lost", DEADLINE_SECONDS)


def _within(seconds: float, run: Callable[[], None]) -> bool:
    # An alarm reaches only the main thread, which is where atexit runs.
    def give_up(*_: object) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, max(0.01, seconds), 0.2)  # again and again: one alone may be swallowed
    try:
        run()
    except _TooLate:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return True
