"""What counts as a drop."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.throughput import LATE_SECONDS, Run, drops
from tests.harness.receiver import Point

GOOD = Run(made=1000, seconds=10.05, planned=10, cpu=5, arrived=1000, dropped=0)


@pytest.mark.parametrize(
    "change", [{"arrived": 999}, {"arrived": 1001}, {"dropped": 1.0}, {"seconds": 10 + LATE_SECONDS + 0.01}]
)
def test_a_rate_holds_only_if_nothing_is_lost_in_time(change: dict[str, Any]) -> None:
    """A span too few or too many, a drop that the SDK counted, or a rate that was not kept: each fails the trial."""
    assert GOOD.lossless
    assert not replace(GOOD, **change).lossless


def test_the_sdk_counts_a_drop_as_processed_with_an_error() -> None:
    """Spans that were handed over have no error.type; spans that found the queue full have one."""
    assert drops([point({}), point({"error.type": "queue_full"}), point({"error.type": "x"}, "other")]) == 5.0


def point(attributes: dict[str, Any], name: str = "otel.sdk.processor.span.processed") -> Point:
    """Return a data point of a counter that has counted five."""
    return Point(name, "{span}", "sum", 5.0, 0, True, "cumulative", attributes, {}, "", 0, 0)
