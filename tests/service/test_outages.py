"""A collector that is away for a while costs no span and no user; what an endless outage costs is counted."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from statistics import quantiles
from typing import Any, Self

import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
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


def counted(receiver: Receiver, name: str, **attributes: str) -> float:
    """Return the last value of an SDK metric, summed over the points that have these attributes."""
    wanted = {key.replace("_", "."): value for key, value in attributes.items()}
    latest = {
        str(sorted(point.attributes.items())): point.value
        for point in receiver.metrics
        if point.name == name and wanted.items() <= point.attributes.items()
    }
    return sum(latest.values())


def test_an_outage_loses_nothing(protocol: Any, projects: Projects) -> None:
    """Away for 5 s and for 30 s under 100 requests a second: every span arrives, and p99 does not move."""
    with Receiver(protocol) as receiver:
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            spells: list[tuple[float, float]] = []
            with Load(service) as load:
                for up, away in ((4, 5), (8, 30), (8, 0)):
                    began = time.monotonic()
                    time.sleep(up)
                    went = time.monotonic()
                    spells.append((began, went))
                    if away:
                        receiver.fault = Fault.refuse()
                        time.sleep(away)
                        receiver.fault = None
                        spells.append((went, time.monotonic()))
            assert service.stop() < 6
        assert unique(receiver) == 2 * len(load.answered)
        assert len(load.answered) >= 0.95 * RATE * (4 + 5 + 8 + 30 + 8)
        p99 = [load.p99(*spell) for spell in spells]
        print([round(each * 1000, 1) for each in p99], len(receiver.spans) - unique(receiver))


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
        assert counted(receiver, "otel.sdk.processor.span.processed", error_type="queue_full") == lost
