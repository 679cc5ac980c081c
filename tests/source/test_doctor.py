"""The doctor's time limits: the README promises a report within 15 s."""

from ..doctor.run import LIMIT
from .table import assigned


def limit(name: str) -> float:
    """Return a time limit of the doctor, in seconds."""
    seconds: float = assigned("doctor/time_limits", name)
    return seconds


def test_the_parts_of_the_doctor_fit_its_limit() -> None:
    """Export, probe and report come one after the other, and end with a reserve before the promised 15 s."""
    assert limit("EXPORT") + limit("PROBE") + limit("REPORT") <= limit("LIMIT")
    assert limit("LIMIT") < LIMIT - 3


def test_a_probe_ends_within_its_limit() -> None:
    """A first connection that nobody answers, and the wait before a probe starts, leave time for its result."""
    assert limit("CONNECT") < limit("PROBE")
    assert limit("PROBE_AFTER") + limit("CONNECT") < limit("EXPORT")
    assert limit("SLOWEST_START") + limit("REPORT") < limit("LIMIT")
