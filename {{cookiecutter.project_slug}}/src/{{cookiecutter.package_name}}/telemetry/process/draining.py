"""Shuts the providers down within DEADLINE_SECONDS: what is queued is sent before the end."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from .time_limit import run_within

# Below the grace period of every manifest, and long enough to try a batch again some times. The SDK
# alone waits up to 30 s for each signal.
DEADLINE_SECONDS = 4.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

log = logging.getLogger(__name__)


class Provider(Protocol):
    """What the providers of the three signals have in common."""

    def shutdown(self) -> None:
        """Send what is queued, and stop."""


Providers = Sequence[Provider | None]

begun = threading.Event()  # set when drain() begins

_groups: list[list[Provider]] = []
_lock = threading.RLock()  # reentrant: a signal handler may call drain() during drain()


def register(first: Providers, then: Providers) -> None:
    """Let drain() shut these providers down: `first` all at once, then those of `then`."""
    for providers in (first, then):
        _groups.append([provider for provider in providers if provider])


def drain() -> None:
    """Shut the registered providers down; a second call does nothing."""
    begun.set()
    deadline = time.monotonic() + DEADLINE_SECONDS
    in_time = True
    with _stop_signals_ignored(), _lock:
        while _groups:
            group = _groups.pop(0)
            if not _shut_down(group, deadline):
                in_time = False
    if not in_time:
        log.error(
            "not everything could be sent within %g s of shutdown; the rest is lost",
            DEADLINE_SECONDS,
        )


def _shut_down(group: list[Provider], deadline: float) -> bool:
    """Shut providers down, each in a thread of its own; return whether all ended in time.

    A thread that does not end in time is left behind. It is a daemon, so the process can end.
    """
    in_time = True
    threads = []
    for provider in group:
        thread = threading.Thread(target=provider.shutdown, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # some releases of Python start no thread at exit: see time_limit.py
            seconds = deadline - time.monotonic()
            if not run_within(seconds, provider.shutdown):
                in_time = False
        else:
            threads.append(thread)
    for thread in threads:
        seconds = deadline - time.monotonic()
        thread.join(max(0.0, seconds))
        if thread.is_alive():
            in_time = False
    return in_time


@contextmanager
def _stop_signals_ignored() -> Iterator[None]:
    """Ignore further stop signals: terminals, pools and servers often send more than one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread can set handlers, or is interrupted by a signal
        return
    handlers = {}
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not None:  # None: not set by Python, so not to restore
            handlers[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _renew_lock() -> None:
    """Replace the lock in a child: the parent's may be held, by a thread that the child lacks."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)
