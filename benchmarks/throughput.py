"""Part `throughput`: how many spans a second one core makes and sends for a minute without a drop.

The program and its exporter share one core. From the CPU time of a span at a low rate follows the rate that would fill
the core; from there on lower rates are tried until one loses nothing. Only the receiver decides what was lost, and
where the SDK counts drops, its counter has to agree.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.receiver import Point, Receiver, Request
from tests.harness.service import clean_environment

from .figures import Figure
from .signals import SIGNALS
from .variants import PACKAGE, Transport, Variant

PRODUCER = Path(__file__).with_name("producer.py")
LOW_RATE, LOW_SECONDS = 3_000, 4  # spans a second
SHARES = (0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.15)  # of the rate that would fill the core
SHORT_SECONDS = 6  # a trial before the minute, to give up early
LATE_SECONDS = 0.5  # a producer that ends later than this after the plan did not keep the rate
DROPS = "otel.sdk.processor.span.processed"
# zero_code has the SDK's own processor and exporter, as these have.
STOCK: dict[Transport, str] = {"grpc": "guide", "http": "fastapi"}


class CountingReceiver(Receiver):
    """Counts spans and forgets them: those of a minute would take a gigabyte."""

    def __init__(self, protocol: Transport) -> None:
        """Prepare a receiver that has counted nothing."""
        super().__init__(protocol)
        self.total = 0
        self.dropped = 0.0  # by the SDK's own counter
        self._counting = threading.Lock()

    def admit(self, seen: Request, request: Any, gone: Callable[[], bool]) -> Any:
        """Answer, count and forget."""
        with self._counting:
            answer = super().admit(seen, request, gone)
            if seen.signal == "traces":
                self.total += seen.items
            else:
                self.dropped = max(self.dropped, drops(self.metrics))
            self.clear()
        return answer


def drops(points: list[Point]) -> float:
    """Return how many spans the SDK says that it dropped: its counter of processed spans that have an error."""
    return sum(point.value for point in points if point.name == DROPS and "error.type" in point.attributes)


@dataclass(frozen=True)
class Run:
    """What came of one run of the producer."""

    made: int  # spans
    seconds: float  # that it took; more than planned if the core was full
    planned: float
    cpu: float  # seconds
    arrived: int  # spans
    dropped: float  # spans, by the SDK's own counter

    @property
    def lossless(self) -> bool:
        """Tell whether the rate was kept and every span arrived."""
        return self.seconds <= self.planned + LATE_SECONDS and self.arrived == self.made and not self.dropped


def measure(variants: Mapping[str, Variant], transport: Transport, quick: bool) -> list[Figure]:
    """Compare the rates of all but plain, which makes no spans, and zero_code."""
    seconds = 8 if quick else 60
    values = {
        name: float(highest_rate(variant, transport, seconds))
        for name, variant in variants.items()
        if name not in {"plain", "zero_code"}
    }
    stock = STOCK[transport]
    return [
        Figure(
            part="throughput",
            transport=transport,
            what=f"spans per second of one core, {seconds} s without a drop",
            unit="spans/s",
            values=values,
            compared=f"times {stock}",
            ratios={name: value / values[stock] for name, value in values.items() if name != stock},
        )
    ]


def highest_rate(variant: Variant, transport: Transport, seconds: float) -> int:
    """Return the highest of the tried rates that lost nothing; raise RuntimeError if each lost some."""
    low = _run(variant, transport, LOW_RATE, LOW_SECONDS)
    full = low.made / low.cpu
    trials = [trial for trial in (SHORT_SECONDS, seconds) if trial <= seconds]
    for share in SHARES:
        rate = round(full * share, -2)
        if all(_run(variant, transport, rate, trial).lossless for trial in trials):
            return round(rate)
    raise RuntimeError(f"{variant.name} lost spans at {rate:,.0f} a second already: is the machine busy?")


def _run(variant: Variant, transport: Transport, rate: float, seconds: float) -> Run:
    """Let the variant make spans, wait for its end, and count."""
    with CountingReceiver(transport) as receiver:
        environment = clean_environment() | variant.environment(receiver, **SIGNALS["traces and metrics"])
        done = subprocess.run(
            [str(variant.python), str(PRODUCER), PACKAGE, str(rate), str(seconds)],
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * seconds + 60,
        )
        if done.returncode:
            raise RuntimeError(f"{variant.name}: the producer ended with status {done.returncode}:\n{done.stderr}")
        # The service's log lines are on standard output too.
        counts = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"made"'))
        return Run(
            made=counts["made"],
            seconds=counts["seconds"],
            planned=seconds,
            cpu=counts["cpu"],
            arrived=receiver.total,
            dropped=receiver.dropped,
        )
