"""The arithmetic of the benchmarks: percentiles, and the ratios of turns that follow each other closely.

The machine is noisy, and noise lasts longer than a turn. So a ratio is made within a round, and a figure is the median
over the rounds of one run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median

Samples = Mapping[str, Sequence[float]]  # by variant, one value for each round


@dataclass(frozen=True)
class Figure:
    """One line of the table: what each variant measured, and how it compares."""

    part: str
    transport: str
    what: str
    unit: str
    values: dict[str, float]
    compared: str  # how `ratios` are made
    ratios: dict[str, float] = field(default_factory=dict)
    limit: float | None = None  # of ours, in `ratios`

    @property
    def met(self) -> bool:
        """Tell whether the limit is met."""
        return self.limit is None or self.ratios["ours"] <= self.limit


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many per cent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = ceil(round(len(ordered) * percent / 100, 6))
    return ordered[max(rank, 1) - 1]


def medians(samples: Samples) -> dict[str, float]:
    """Return the median of each variant's rounds."""
    return {name: median(values) for name, values in samples.items()}


def times(samples: Samples, base: str) -> dict[str, float]:
    """Return each variant's median ratio to the base."""
    return _by_round(samples, base, lambda value, of: value / of[base])


def added(samples: Samples) -> dict[str, float]:
    """Return what each variant adds to plain as a share of what zero_code adds."""
    return _by_round(samples, "plain", lambda value, of: (value - of["plain"]) / (of["zero_code"] - of["plain"]))


def more(samples: Samples) -> dict[str, float]:
    """Return how much more than plain each variant takes."""
    return _by_round(samples, "plain", lambda value, of: value - of["plain"])


def _by_round(
    samples: Samples, left_out: str, ratio: Callable[[float, Mapping[str, float]], float]
) -> dict[str, float]:
    rounds = [dict(zip(samples, values, strict=True)) for values in zip(*samples.values(), strict=True)]
    return {name: median(ratio(of[name], of) for of in rounds) for name in samples if name != left_out}
