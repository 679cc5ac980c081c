"""An outage is told when it begins, once a minute while it lasts, and when it is over."""

import errno
import logging
import socket
from types import SimpleNamespace
from typing import Any

import pytest

LOGGER = "telemetry_under_test.export.outage"


class Clock(SimpleNamespace):
    """Stands in for the module `time`, and moves only when it is told to."""

    now = 1000.0

    def time(self) -> float:
        """Return the time of day."""
        return self.now

    def monotonic(self) -> float:
        """Return the time since some moment."""
        return self.now

    def strftime(self, _: str, __: object) -> str:
        """Return a time of day as text."""
        return "08:20:01Z"

    def gmtime(self, _: float) -> object:
        """Return nothing of interest."""
        return None


@pytest.fixture
def clock(telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that outage.py reads."""
    clock = Clock()
    monkeypatch.setattr(telemetry.outage, "time", clock)
    return clock


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns the lines logged since its last call, with their levels."""
    caplog.set_level(logging.INFO)

    def lines() -> list[tuple[str, str]]:
        records = [record for record in caplog.records if record.name == LOGGER]
        caplog.clear()
        return [(record.levelname, record.getMessage()) for record in records]

    return lines


def fail(telemetry: Any, outage: Any, clock: Clock, first_tried: float | None = None) -> None:
    """Have a batch not be taken, which is tried for the first time now, or was then."""
    answer = telemetry.answers.Answer(telemetry.answers.Verdict.AGAIN, "UNAVAILABLE: refused")
    outage.failed(answer, clock.now if first_tried is None else first_tried)


def test_an_outage_has_a_first_line_and_a_last_one(telemetry: Any, clock: Clock, lines: Any) -> None:
    """Twenty failed attempts are one WARNING with all that is known; the end is one INFO with the counts."""
    backlog = telemetry.outage.Backlog(queue_size=100)
    outage = telemetry.outage.Outage("traces", telemetry.outage.Receiver("http://collector:4317"), backlog)
    for _ in range(20):
        backlog.add()
        fail(telemetry, outage, clock)
        clock.now += 1
    assert lines() == [
        (
            "WARNING",
            (
                "traces: http://collector:4317 has taken nothing since 08:20:01Z. Waiting: 1, with room for 100; lost: 0. "
                "Its last answer: UNAVAILABLE: refused"
            ),
        )
    ]
    outage.taken()
    outage.taken()
    expected = "traces: http://collector:4317 takes data again, after 20 s. Waited and are sent now: 20; lost: 0."
    assert lines() == [("INFO", expected)]


def test_a_long_outage_is_told_once_a_minute(telemetry: Any, clock: Clock, lines: Any) -> None:
    """In ten minutes there are ten lines, the first at once; the last says what a full queue has dropped."""
    backlog = telemetry.outage.Backlog(queue_size=100)
    outage = telemetry.outage.Outage("traces", telemetry.outage.Receiver("http://collector:4317"), backlog)
    for _ in range(600):
        backlog.add()
        fail(telemetry, outage, clock)
        clock.now += 1
    told = lines()
    assert [level for level, _ in told] == ["WARNING"] * 10
    assert "Waiting: 100, with room for 100; lost: 441." in told[-1][1]
    outage.taken()
    assert lines()[0][1].endswith("after 600 s. Waited and are sent now: 100; lost: 500.")


def test_two_outages_are_two(telemetry: Any, clock: Clock, lines: Any) -> None:
    """A second outage soon after the first has its own lines, and counts only its own losses."""
    backlog = telemetry.outage.Backlog(queue_size=1)
    outage = telemetry.outage.Outage("traces", telemetry.outage.Receiver("http://collector:4317"), backlog)
    for _ in range(2):
        fail(telemetry, outage, clock)
        backlog.add()
        backlog.add()
        outage.taken()
        backlog.leave_queue(1)
        backlog.remove(1)
        clock.now += 1
    told = lines()
    assert [level for level, _ in told] == ["WARNING", "INFO"] * 2
    assert all(text.endswith("Waited and are sent now: 1; lost: 1.") for _, text in told[1::2])


def test_a_receiver_that_takes_others_is_not_away(telemetry: Any, clock: Clock, lines: Any) -> None:
    """One batch that is never taken, among others that are, begins no outage: one line, at its first attempt."""
    outage = telemetry.outage.Outage(
        "traces", telemetry.outage.Receiver("http://collector:4317"), telemetry.outage.Backlog(queue_size=100)
    )
    first_tried = clock.now
    for _ in range(180):
        fail(telemetry, outage, clock, first_tried)
        clock.now += 1
        outage.taken()
    assert [level for level, _ in lines()] == ["WARNING", "INFO"]


def test_a_receiver_that_nobody_chose_is_one_quiet_line(telemetry: Any, clock: Clock, lines: Any) -> None:
    """No endpoint is set and nothing listens: one INFO for all signals. A chosen address is an outage all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert not telemetry.outage.Receiver(address, is_chosen=False).nothing_listens()
    outages = [
        telemetry.outage.Outage(signal, telemetry.outage.Receiver(address, is_chosen=False), None)
        for signal in ("traces", "metrics")
    ]
    for outage in outages * 3:
        fail(telemetry, outage, clock)
        clock.now += 61
        assert outage.has_no_receiver
    assert [level for level, _ in lines()] == ["INFO"]
    chosen = telemetry.outage.Outage("traces", telemetry.outage.Receiver(address), None)
    fail(telemetry, chosen, clock)
    assert [level for level, _ in lines()] == ["WARNING"]


def test_a_forked_child_counts_from_nothing(telemetry: Any) -> None:
    """The parent sends what waits: the child forgets it, and can count although the lock was held."""
    backlog = telemetry.outage.Backlog(queue_size=5)
    backlog.add()
    with backlog._lock:
        backlog.renew()
        backlog.add()
    assert (backlog.unsent, backlog.lost) == (1, 0)


def test_a_host_without_ipv6_is_a_laptop_too(telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where "localhost" is also ::1 and IPv6 is off, the last of the errors is another one than "refused"."""

    def connect(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_connection", connect)
    assert telemetry.outage.Receiver("http://localhost:4317", is_chosen=False).nothing_listens()
