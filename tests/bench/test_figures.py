"""Percentiles and ratios."""

import pytest

from benchmarks import figures
from benchmarks.figures import Figure

ROUNDS = {"plain": [100.0, 200.0, 100.0], "ours": [150.0, 260.0, 140.0], "zero_code": [200.0, 400.0, 200.0]}


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 500), (99, 990), (99.9, 999), (99.95, 1000), (100, 1000), (0, 1)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    """Of 1 to 1000 in any order, p99.9 is 999: the smallest that 99.9 per cent do not exceed."""
    assert figures.percentile(list(range(1000, 0, -1)), percent) == expected


def test_a_percentile_of_few_values_is_the_largest() -> None:
    """Ten values have no p99 of their own: it is the slowest one, and never less."""
    assert figures.percentile([*range(10)], 99) == 9
    assert figures.percentile([7.0], 50) == 7.0


def test_ratios_are_made_within_a_round() -> None:
    """A round in which the machine was twice as slow changes no ratio, though it changes the values."""
    assert figures.times(ROUNDS, "plain") == {"ours": 1.4, "zero_code": 2.0}
    assert figures.added(ROUNDS) == {"ours": pytest.approx(0.4), "zero_code": 1.0}
    assert figures.more(ROUNDS) == {"ours": 50.0, "zero_code": 100.0}
    assert figures.medians(ROUNDS) == {"plain": 100.0, "ours": 150.0, "zero_code": 200.0}


def test_a_round_that_lacks_a_variant_is_an_error() -> None:
    """Values of different rounds are never compared."""
    with pytest.raises(ValueError, match="shorter"):
        figures.times(ROUNDS | {"ours": [150.0]}, "plain")


@pytest.mark.parametrize(("limit", "met"), [(None, True), (0.4, True), (0.39, False)])
def test_a_limit_is_for_our_ratio(limit: float | None, met: bool) -> None:
    """A figure without a limit is always met; a ratio that equals the limit meets it."""
    figure = Figure("cpu", "grpc", "CPU", "µs", {"ours": 9.0}, "times plain", {"ours": 0.4, "guide": 0.1}, limit)
    assert figure.met is met
