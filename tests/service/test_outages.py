"""A collector that is away for a while costs no span and no user; what an endless outage costs is counted."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self

import grpc
import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.records import latest
from ..harness.service import Service

pytestmark = pytest.mark.slow

RATE = 100  # requests a second
CONNECTIONS = 4


class Load:
    """Sends RATE requests a second for as long as the block lasts, whatever the answers take."""

    def __init__(self, service: Service) -> None:
        """Prepare; `answered` will hold, for each request, when it was due and how many seconds it took."""
        self.service = service
        self.answered: list[tuple[float, float]] = []
        self._end = float("inf")
        self._pool = ThreadPoolExecutor(CONNECTIONS)

    def __enter__(self) -> Self:
        """Begin."""
        began = time.monotonic()
        self._jobs = [self._pool.submit(self._work, began + i / RATE) for i in range(CONNECTIONS)]
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the open requests; every one must have been answered well."""
        self._end = time.monotonic()
        for job in self._jobs:
            job.result(60)
        self._pool.shutdown()

    def _work(self, due: float) -> None:
        limit = due + 120
        with closing(self.service.connect()) as connection:
            while due < min(self._end, limit):
                time.sleep(max(0.0, due - time.monotonic()))
                began = time.monotonic()
                assert self.service.post(1, connection=connection) == 201
                self.answered.append((due, time.monotonic() - began))
                due += CONNECTIONS / RATE

    def p99(self, since: float, until: float) -> float:
        """Return the 99th percentile of the seconds that requests took which were due in that time."""
        return quantiles((took for due, took in self.answered if since <= due < until), n=100)[98]


def unique(receiver: Receiver) -> int:
    """Return how many spans arrived; one that was sent again because its answer was cut off counts once."""
    return len({span.span_id for span in receiver.spans})


# How long the collector is there, then in what way it is away, and for how long.
SPELLS = [(5, Fault.refuse(), 5), (8, Fault.black_hole(), 15), (8, Fault.refuse(), 30), (8, None, 0)]


def live_through(protocol: Any, project: Path) -> tuple[int, Receiver, dict[str, list[float]], str]:
    """Run a service through the spells; return how many requests it had, what arrived, p99 of each spell, its lines."""
    p99: dict[str, list[tuple[float, float]]] = {"up": [], "away": []}
    with (
        Receiver(protocol) as receiver,
        Service(project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service,
    ):
        with Load(service) as load:
            for up, fault, away in SPELLS:
                began = time.monotonic()
                time.sleep(up)
                p99["up"].append((began, went := time.monotonic()))
                if fault:
                    receiver.fault = fault
                    time.sleep(away)
                    receiver.fault = None
                    p99["away"].append((went, time.monotonic()))
        assert service.stop() < 6
        seconds = {when: [load.p99(*spell) for spell in p99[when]] for when in p99}
        return len(load.answered), receiver, seconds, service.output


def test_outages_lose_nothing(projects: Projects) -> None:
    """Away for 5, 15 and 30 s under 100 requests a second: every span arrives, and p99 does not move.

    Each outage is one WARNING when it begins and one INFO when it is over, and nothing is an ERROR.
    """
    with ThreadPoolExecutor(2) as pool:  # both at once: it takes more than a minute
        lives = [pool.submit(live_through, protocol, projects(protocol)) for protocol in ("grpc", "http")]
    for life in lives:
        requests, receiver, p99, output = life.result()
        assert requests >= 0.95 * RATE * sum(up + away for up, _, away in SPELLS)
        assert unique(receiver) == 2 * requests
        # Medians, because a machine has its own bad moments; 10 ms is nothing that a user sees.
        assert median(p99["away"]) < max(1.5 * median(p99["up"]), 0.010)
        told = re.findall(r"(WARNING|INFO|ERROR) \S*outage\S* traces: \S+ (has taken nothing|takes data again)", output)
        assert told == [("WARNING", "has taken nothing"), ("INFO", "takes data again")] * 3, output
        assert output.count("lost: 0.") >= 6
        assert "ERROR" not in output


def test_what_a_collector_refuses_is_not_sent_for_ever(protocol: Any, projects: Projects) -> None:
    """A batch that is refused for good is dropped, and counted; what comes after it arrives."""
    refused = Fault.status(grpc.StatusCode.INVALID_ARGUMENT if protocol == "grpc" else 400)
    with Receiver(protocol) as receiver:
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            receiver.fault = refused
            assert service.post(1) == 201
            assert receiver.wait_for(lambda seen: seen.rejected >= 2)
            receiver.fault = None
            assert service.post(2) == 201
            service.stop()
        assert [span.attributes.get("payment.amount_cents") for span in receiver.spans] == [2, None]
        exported = latest(receiver.metrics, "otel.sdk.exporter.span.exported")
        assert [point.value for point in exported if "error.type" in point.attributes] == [2]


def test_an_outage_longer_than_the_queue_is_counted(protocol: Any, projects: Projects) -> None:
    """What a full queue drops is in the SDK's metrics, right to the span."""
    with Receiver(protocol) as receiver:
        variables = {"OTEL_BSP_MAX_QUEUE_SIZE": "200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50"}
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **variables) as service:
            with Load(service) as load:
                time.sleep(2)
                receiver.fault = Fault.refuse()
                time.sleep(8)
                receiver.fault = None
                time.sleep(6)
            service.stop()
        lost = 2 * len(load.answered) - unique(receiver)
        assert lost > 500
        processed = latest(receiver.metrics, "otel.sdk.processor.span.processed")
        assert sum(point.value for point in processed if point.attributes.get("error.type") == "queue_full") == lost
