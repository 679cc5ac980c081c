"""Part `latency`: p50, p99 and p99.9 at a constant 300 requests a second, with traces and metrics, default delays."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack

from tests.harness.receiver import Receiver
from tests.harness.service import TEMPLATE

from .figures import Figure, medians, percentile, times
from .signals import SIGNALS
from .variants import Transport, Variant

RATE = 300  # requests a second
PERCENTILES = (50, 99, 99.9)
WARM_UP_SECONDS = 2


def measure(variants: Mapping[str, Variant], transport: Transport, quick: bool) -> list[Figure]:
    """Compare the latency at a constant rate, counted from when a request was due."""
    rounds, seconds = (2, 4) if quick else (5, 6)
    latencies: dict[str, list[list[float]]] = {name: [] for name in variants}
    with ExitStack() as stack:
        services = {}
        receivers = {}
        for name, variant in variants.items():
            receivers[name] = stack.enter_context(Receiver(transport))
            services[name] = stack.enter_context(variant.service(receivers[name], **SIGNALS["traces and metrics"]))
            _load(services[name].port, WARM_UP_SECONDS)
        for _ in range(rounds):
            for name, service in services.items():
                latencies[name].append(_load(service.port, seconds))
                receivers[name].clear()
    return [_figure(transport, percent, latencies) for percent in PERCENTILES]


def _figure(transport: Transport, percent: float, latencies: Mapping[str, list[list[float]]]) -> Figure:
    samples = {name: [1e3 * percentile(values, percent) for values in rounds] for name, rounds in latencies.items()}
    return Figure(
        part="latency",
        transport=transport,
        what=f"p{percent:g} at {RATE} requests/s",
        unit="ms",
        values=medians(samples),
        compared="times plain",
        ratios=times(samples, "plain"),
    )


def _load(port: int, seconds: float) -> list[float]:
    """Return the latencies, in seconds, of requests that a process of its own sends."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.open_loop", str(port), str(RATE), str(seconds)],
        check=False,
        cwd=TEMPLATE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise RuntimeError(f"the load ended with status {done.returncode}:\n{done.stderr}")
    latencies: list[float] = json.loads(done.stdout)
    return latencies
