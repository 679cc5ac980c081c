"""A real Collector over HTTP that takes small requests only: its 400 means "too large", and costs only what is."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.service import free_port
from ..service.test_refusals import SMALL, Steps, produce
from .processes import LOCAL, Collector

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Address:
    """Where it listens."""

    endpoint: str


def names(file: Path) -> Counter[str]:
    """Return how often a span of each name was taken."""
    found: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            found.update(span["name"] for scope in resource["scopeSpans"] for span in scope["spans"])
    return found


def test_only_what_is_too_large_alone_is_lost(binary: Path, projects: Projects, tmp_path: Path) -> None:
    """Of 300 spans of 20 kB, one of 1.5 MB, one of 8 MB and 20 small ones, with a limit of 1 MiB: all but the two arrive."""
    address = f"{LOCAL}:{free_port()}"
    file = tmp_path / "spans.json"
    configuration = Path(__file__).with_name("http.yaml")
    steps: Steps = [
        ("span", "large", 20_000, 300),
        ("span", "huge", 1_500_000, 1),
        ("span", "huge", 8_000_000, 1),
        *SMALL,
    ]
    with Collector(binary, configuration, tmp_path, HTTP_ADDRESS=address, FILE=str(file)) as collector:
        printed = produce(
            projects("http"),
            Address(f"http://{address}"),
            steps,
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
        )
        collector.stop()
    assert names(file) == {"large": 300, "small": 20}
    assert (
        "one alone is larger than the receiver takes (HTTP 400: Bad Request, http: request body too large)" in printed
    )
