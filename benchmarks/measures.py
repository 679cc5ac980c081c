"""What is measured, always as turns of the compared services that follow each other closely.

The machine is noisy, and what is noise lasts longer than a turn: figures are medians over rounds of one run.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from tests.harness.receiver import Receiver
from tests.harness.service import Service

from .load import cpu_seconds, post, resident_mb, wait_until_alive
from .variants import Transport, Variant

# Milliseconds, the same for all: the defaults, 1 s and 5 s, would be most of a turn.
SHORT_DELAY = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
TRACES_ONLY = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", **SHORT_DELAY}
WARM_UP = 500  # requests
TURN = 150  # requests
SETTLE_SECONDS = 0.05  # from the receiver's answer to the end of what the exporter does with it

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Figure:
    """One line of the table: the medians in `unit`, the figure made of them, and its limit if it has one."""

    transport: str
    what: str
    unit: str
    values: dict[str, float]
    figure: str
    value: float
    limit: float | None = None

    @property
    def met(self) -> bool:
        """Tell whether the limit is met."""
        return self.limit is None or self.value <= self.limit


def cpu(variants: Mapping[str, Variant], transport: Transport, seconds: float) -> list[Figure]:
    """Compare the CPU time a request costs the server, export included, for about so many seconds."""
    samples: Samples = {name: [] for name in variants}
    with ExitStack() as stack:
        turns: dict[str, _Turn] = {}
        for name, variant in variants.items():
            receiver = stack.enter_context(Receiver(transport))
            service = stack.enter_context(variant.service(receiver, **TRACES_ONLY))
            turns[name] = _Turn(variant, receiver, service)
        for turn in turns.values():
            turn.take(WARM_UP)
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(samples["ours"]) < 5:
            for name, turn in turns.items():
                samples[name].append(turn.take(TURN))
    added = [
        (ours - plain) / (zero_code - plain)
        for ours, plain, zero_code in zip(*(samples[name] for name in ("ours", "plain", "zero_code")), strict=True)
    ]
    values = {name: 1e6 * median(of) for name, of in samples.items()}
    what, unit = f"CPU a request ({len(added)} rounds)", "µs"
    return [
        Figure(transport, what, unit, values, "added, ours / zero_code", median(added), 0.55),
        Figure(transport, what, unit, values, "ours / plain", _ratio(samples, "ours")),
        Figure(transport, what, unit, values, "zero_code / plain", _ratio(samples, "zero_code")),
    ]


class _Turn:
    """Sends requests to one running service, and holds its spans against them."""

    def __init__(self, variant: Variant, receiver: Receiver, service: Service) -> None:
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


def start(variants: Mapping[str, Variant], transport: Transport, seconds: float) -> list[Figure]:
    """Compare, with the defaults, the time to the first answer and the memory after a warm-up load."""
    alive: Samples = {name: [] for name in variants}
    posted: Samples = {name: [] for name in variants}
    memory: Samples = {name: [] for name in variants}
    with Receiver(transport) as receiver:
        for variant in variants.values():  # the first start compiles
            with variant.service(receiver):
                pass
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(alive["ours"]) < 3:
            for name, variant in variants.items():
                receiver.clear()
                with variant.service(receiver, ready=None, **SHORT_DELAY) as service:
                    wait_until_alive(service.port)
                    alive[name].append(time.monotonic() - service.started)
                    post(service.port, 1, 1)
                    posted[name].append(time.monotonic() - service.started)
                    if len(memory[name]) < 2:
                        memory[name].append(_warm_memory(service, receiver, variant))
    started = {name: 1e3 * median(of) for name, of in alive.items()}
    first = {name: 1e3 * median(of) for name, of in posted.items()}
    resident = {name: median(of) for name, of in memory.items()}
    rounds, limit = len(alive["ours"]), {"grpc": 28.0, "http": 20.0}[transport]
    return [
        Figure(transport, f"first 200 ({rounds} rounds)", "ms", started, "ours / plain", _ratio(alive, "ours"), 1.4),
        Figure(transport, f"first 201 ({rounds} rounds)", "ms", first, "ours / plain", _ratio(posted, "ours"), 1.4),
        Figure(transport, "memory", "MB", resident, "ours - plain, MB", resident["ours"] - resident["plain"], limit),
    ]


def _warm_memory(service: Service, receiver: Receiver, variant: Variant) -> float:
    post(service.port, WARM_UP)
    receiver.wait_for(lambda receiver: receiver.count("traces") >= WARM_UP * variant.spans, 20)
    time.sleep(SETTLE_SECONDS)
    return resident_mb(service.pid)


def _ratio(samples: Samples, name: str) -> float:
    return median(this / plain for this, plain in zip(samples[name], samples["plain"], strict=True))
