"""Waits for a condition with a limit, and says what was missing when the limit is reached."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value],
    what: str,
    seconds: float = 30.0,
    pause: float = 0.02,
    seen: Callable[[], object] | None = None,
) -> Value:
    """Return the first value of `condition` that is true, or raise TimeoutError after `seconds`.

    The error names `what` and the last value of `seen`, or else of `condition`. There are `pause` seconds between two
    calls of `condition`.
    """
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= end:
            last = seen() if seen else value
            raise TimeoutError(f"waited {seconds:g} s for {what}; the last value was:\n{last}")
        time.sleep(pause)
    return value
