"""What tests wait for, and what they start before they ask for it."""

from itertools import count
from threading import Event

import pytest

from .ahead import started
from .waiting import wait_until


def test_waiting_returns_the_first_true_value() -> None:
    """The condition is asked until its value is true, and that value is returned."""
    numbers = count()
    assert wait_until(lambda: max(0, next(numbers) - 2), "a number above 2", pause=0) == 1


def test_waiting_too_long_says_for_what_and_what_was_last() -> None:
    """After the limit an error names what was missing and the condition's last value, or what the caller shows."""
    with pytest.raises(TimeoutError, match=r"waited 0.05 s for two spans; the last value was:\n\[\]"):
        wait_until(list, "two spans", 0.05)
    with pytest.raises(TimeoutError, match="1 of 2"):
        wait_until(lambda: False, "two spans", 0.05, seen=lambda: "1 of 2")


def test_each_run_starts_once_and_some_run_at_a_time() -> None:
    """A run that was begun is not begun again by the test that asks for it, and two runs can meet."""
    begun: list[str] = []
    met = {"a": Event(), "b": Event()}

    def run(name: str, other: str) -> str:
        begun.append(name)
        met[name].set()
        assert met[other].wait(10)
        return name.upper()

    with started(run, at_once=2) as runs:
        runs.begin("a", "b")
        runs.begin("b", "a")
        assert [runs("b", "a"), runs("a", "b")] == ["B", "A"]
    assert sorted(begun) == ["a", "b"]


def test_a_failed_run_fails_who_asks() -> None:
    """The error of a run is raised where its result is asked for."""
    with started(int, at_once=1) as runs:
        runs.begin("one")
        with pytest.raises(ValueError, match="one"):
            runs("one")
