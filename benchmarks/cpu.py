"""Part `cpu`: the CPU time of a request, with traces only and with metrics."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from tests.harness.receiver import Receiver
from tests.harness.service import Service

from .figures import Figure, added, medians
from .load import cpu_seconds, post
from .signals import SHORT_DELAY, SIGNALS
from .variants import Transport, Variant

WARM_UP = 500  # requests
TURN = 150  # requests
SETTLE_SECONDS = 0.05  # from the receiver's answer to the end of what the exporter does with it
LEAST_ROUNDS = 5
LIMITS = {"traces": 0.55}


def measure(variants: Mapping[str, Variant], transport: Transport, quick: bool) -> list[Figure]:
    """Compare the CPU time of a request, spans exported and counted."""
    seconds = 8 if quick else 30
    return [_figure(variants, transport, signals, seconds) for signals in SIGNALS]


def _figure(variants: Mapping[str, Variant], transport: Transport, signals: str, seconds: float) -> Figure:
    samples: dict[str, list[float]] = {name: [] for name in variants}
    with ExitStack() as stack:
        turns = {}
        for name, variant in variants.items():
            receiver = stack.enter_context(Receiver(transport))
            service = stack.enter_context(variant.service(receiver, **SIGNALS[signals], **SHORT_DELAY))
            turns[name] = Turn(variant, receiver, service)
        for turn in turns.values():
            turn.take(WARM_UP)
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(samples["ours"]) < LEAST_ROUNDS:
            for name, turn in turns.items():
                samples[name].append(1e6 * turn.take(TURN))
    return Figure(
        part="cpu",
        transport=transport,
        what=f"CPU per request, {signals}",
        unit="µs",
        values=medians(samples),
        compared="added, of what zero_code adds",
        ratios=added(samples),
        limit=LIMITS.get(signals),
    )


class Turn:
    """Sends requests to one running service, and checks that their spans arrive."""

    def __init__(self, variant: Variant, receiver: Receiver, service: Service) -> None:
        """Prepare, and send nothing."""
        self._variant, self._receiver, self._service = variant, receiver, service

    def take(self, requests: int) -> float:
        """Return the CPU seconds for one request; raise RuntimeError unless exactly its spans arrived."""
        self._receiver.clear()
        expected = requests * self._variant.spans
        before = cpu_seconds(self._service.pid)
        post(self._service.port, requests)
        self._receiver.wait_for(lambda receiver: receiver.count("traces") >= expected, 20)
        time.sleep(SETTLE_SECONDS)
        used = cpu_seconds(self._service.pid) - before
        if (arrived := self._receiver.count("traces")) != expected:
            raise RuntimeError(f"{self._variant.name}: {arrived} spans arrived for {requests} requests, not {expected}")
        return used / requests
