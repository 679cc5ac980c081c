"""Calls drain() at the end of a process in which nobody has called it before.

Python's atexit does that. SIGTERM alone would end a process without atexit: server.py, or your
server, turns it into an ordinary exit. Children of multiprocessing have neither, so this module
gives them both.
"""

import atexit
import multiprocessing
import os
import signal
import threading
from multiprocessing import util

from .draining import drain


def drain_at_exit() -> None:
    """Register drain() for the end of this process."""
    atexit.register(drain)
    if multiprocessing.parent_process():  # such a child runs no atexit functions
        util.Finalize(None, drain, exitpriority=0)
        _drain_on_sigterm()


def _drain_on_sigterm() -> None:
    """Let SIGTERM drain in a child of multiprocessing.

    Pool.terminate() sends it, often while the child is already exiting. An exception raised by a
    handler would cut that exit short, so a thread drains and then ends the process.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # no other thread can set a handler
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return  # a handler of yours stays
    signal.signal(signal.SIGTERM, _on_sigterm)
    _listen_for_sigterm()


def _on_sigterm(*_: object) -> None:
    threading.Thread(target=_drain_and_exit, daemon=True).start()


def _drain_and_exit() -> None:
    drain()
    os._exit(128 + signal.SIGTERM)


def _listen_for_sigterm() -> None:
    """Start a thread that reads SIGTERM from a pipe.

    Python calls handlers in the main thread only, between two of its steps. If the thread waits for
    a lock, the handler has to wait, too, perhaps for ever. The pipe is written at once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing)
    if previous == -1:
        thread = threading.Thread(target=_wait_for_sigterm, args=(reading,), daemon=True)
        thread.start()
        return
    # An event loop has its own pipe here, and would miss signals without it: put it back. An event
    # loop does not wait for locks, so the handler is enough.
    signal.set_wakeup_fd(previous)
    os.close(reading)
    os.close(writing)


def _wait_for_sigterm(pipe: int) -> None:
    """Read the numbers of signals, one byte each, until SIGTERM is one of them."""
    while signal.SIGTERM not in os.read(pipe, 64):
        pass
    _drain_and_exit()


def _restore_default() -> None:
    """Let SIGTERM end a process as usual that is forked from a child of multiprocessing.

    The pipe is shared with the parent, which would take this process's signals for its own.
    """
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_restore_default)
