"""Part `start`: the time to the first answers, and the memory after a warm-up load. Traces and metrics are exported."""

import time
from collections.abc import Mapping

from tests.harness.receiver import Receiver
from tests.harness.service import Service

from .cpu import SETTLE_SECONDS, WARM_UP
from .figures import Figure, medians, more, times
from .load import post, resident_mb, wait_until_alive
from .signals import SHORT_DELAY, SIGNALS
from .variants import Transport, Variant

LEAST_ROUNDS = 3
MEMORY_ROUNDS = 2
START_LIMIT = 1.4
MEMORY_LIMITS = {"grpc": 28.0, "http": 20.0}  # MB


def measure(variants: Mapping[str, Variant], transport: Transport, quick: bool) -> list[Figure]:
    """Compare the time to the first 200 and the first 201, and the memory."""
    alive: dict[str, list[float]] = {name: [] for name in variants}
    posted: dict[str, list[float]] = {name: [] for name in variants}
    memory: dict[str, list[float]] = {name: [] for name in variants}
    with Receiver(transport) as receiver:
        for variant in variants.values():  # the first start compiles
            with variant.service(receiver, **SIGNALS["traces and metrics"]):
                pass
        end = time.monotonic() + (6 if quick else 30)
        while time.monotonic() < end or len(alive["ours"]) < LEAST_ROUNDS:
            for name, variant in variants.items():
                receiver.clear()
                settings = SIGNALS["traces and metrics"] | SHORT_DELAY
                with variant.service(receiver, ready=None, **settings) as service:
                    wait_until_alive(service.port)
                    alive[name].append(1e3 * (time.monotonic() - service.started))
                    post(service.port, 1, 1)
                    posted[name].append(1e3 * (time.monotonic() - service.started))
                    if len(memory[name]) < MEMORY_ROUNDS:
                        memory[name].append(_warm_memory(service, receiver, variant))
    return [
        _start("start to the first 200", transport, alive),
        _start("start to the first 201", transport, posted),
        Figure(
            part="start",
            transport=transport,
            what=f"memory after {WARM_UP} requests",
            unit="MB",
            values=medians(memory),
            compared="MB more than plain",
            ratios=more(memory),
            limit=MEMORY_LIMITS[transport],
        ),
    ]


def _start(what: str, transport: Transport, samples: dict[str, list[float]]) -> Figure:
    return Figure(
        part="start",
        transport=transport,
        what=what,
        unit="ms",
        values=medians(samples),
        compared="times plain",
        ratios=times(samples, "plain"),
        limit=START_LIMIT,
    )


def _warm_memory(service: Service, receiver: Receiver, variant: Variant) -> float:
    post(service.port, WARM_UP)
    receiver.wait_for(lambda receiver: receiver.count("traces") >= WARM_UP * variant.spans, 20)
    time.sleep(SETTLE_SECONDS)
    return resident_mb(service.pid)
