"""A time limit for a function that cannot run in a thread of its own.

Python 3.12.0 to 3.12.2 start no thread once the interpreter has begun to exit, and some images
still have such a Python. Delete this module and its use in draining.py when `requires-python`
excludes them.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn


class _TimeIsUp(BaseException):
    """Ends the function; no Exception, because the SDK catches every Exception."""


def run_within(seconds: float, function: Callable[[], None]) -> bool:
    """Call a function in the main thread; return whether it ended within the seconds."""
    previous = signal.signal(signal.SIGALRM, _raise_time_is_up)
    # Repeated, every 0.2 s: code that catches every BaseException may swallow one alarm.
    signal.setitimer(signal.ITIMER_REAL, max(0.01, seconds), 0.2)
    try:
        function()
    except _TimeIsUp:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return True


def _raise_time_is_up(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _TimeIsUp
