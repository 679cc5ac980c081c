"""Large spans arrive as small ones do: nothing that is sent is larger than what its receiver takes."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from .processes import Pipeline
from .spans import Sender, request, span

pytestmark = pytest.mark.slow

SPANS = {500: 8192, 1_000: 8192, 2_000: 4096, 8_000: 1024, 60_000: 512}  # how many of each size, in bytes
SPANS_A_REQUEST = 512  # a batch of the SDK
KEEP_ALL = {"KEEP_PERCENT": "100", "DECISION_WAIT": "2s"}
# What an agent in a pod of its own is given; its container has 512 MiB.
SMALL_AGENT = {"MEMORY_LIMIT_MIB": "300", "GOMEMLIMIT": "240MiB"}


@dataclass(frozen=True)
class Counted:
    """What was sent of one size, and what of it arrived."""

    accepted: int
    arrived: int


def send(pipeline: Pipeline, size: int) -> set[str]:
    """Send the spans of a size to the agent; return the ids of those that it has accepted."""
    accepted: set[str] = set()
    with Sender(f"127.0.0.1:{pipeline.grpc}") as sender:
        for _ in range(SPANS[size] // SPANS_A_REQUEST):
            spans = [span(os.urandom(16), size=size) for _ in range(SPANS_A_REQUEST)]
            try:
                sender.send(request(spans))
            except RuntimeError:  # refused for good
                continue
            accepted |= {one.span_id.hex() for one in spans}
    return accepted


def wait(pipeline: Pipeline, wanted: set[str]) -> set[str]:
    """Return what has arrived, once that is all that is wanted, or nothing has come for 15 s."""
    arrived: set[str] = set()
    grew = time.monotonic()
    while time.monotonic() - grew < 15:
        now = pipeline.span_ids()
        if wanted <= now:
            return now
        if len(now) > len(arrived):
            arrived, grew = now, time.monotonic()
        time.sleep(0.5)
    return arrived


@pytest.fixture(scope="module")
def counted(
    binary: Path, configurations: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int], Counted]:
    """Send all sizes while nothing is away; then again while no gateway is there, and the agent is killed."""
    found = {}
    pipeline = Pipeline(binary, configurations, tmp_path_factory.mktemp("sizes"), **KEEP_ALL)
    pipeline.agent.variables |= SMALL_AGENT
    with pipeline:
        for phase in ("steady", "outage"):
            if phase == "outage":
                for gateway in pipeline.gateways:
                    gateway.stop()
            accepted = {size: send(pipeline, size) for size in SPANS}
            if phase == "outage":
                pipeline.agent.kill()
                for collector in (pipeline.agent, *pipeline.gateways):
                    collector.start()
            arrived = wait(pipeline, set().union(*accepted.values()))
            for size, ids in accepted.items():
                found[phase, size] = Counted(len(ids), len(ids & arrived))
    return found


@pytest.mark.parametrize("size", SPANS)
@pytest.mark.parametrize("phase", ["steady", "outage"])
def test_every_size_arrives(phase: str, size: int, counted: dict[tuple[str, int], Counted]) -> None:
    """The agent takes a whole batch of the SDK, whatever the size of its spans, and each span arrives."""
    assert counted[phase, size] == Counted(accepted=SPANS[size], arrived=SPANS[size])


def test_the_queue_on_disk_is_bounded_in_bytes(binary: Path, configurations: Path, tmp_path: Path) -> None:
    """A full queue refuses, so that services wait; its files take less than twice QUEUE_BYTES."""
    limit = 50_000_000
    payload = request([span(os.urandom(16), size=8_000) for _ in range(SPANS_A_REQUEST)])
    pipeline = Pipeline(binary, configurations, tmp_path)
    pipeline.agent.variables["QUEUE_BYTES"] = str(limit)
    with pipeline.agent, Sender(f"127.0.0.1:{pipeline.grpc}") as sender:  # no gateway is there
        answers = [sender.offer(payload) for _ in range(limit // len(payload) + 2)]
        files = Path(pipeline.agent.variables["QUEUE_DIRECTORY"]).iterdir()
        disk = sum(path.stat().st_blocks * 512 for path in files)
    assert answers == ["OK"] * (limit // len(payload)) + ["UNAVAILABLE"] * 2
    assert 0.9 * limit < disk < 2 * limit
