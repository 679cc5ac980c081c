"""A refusal is told by its status, and costs no more than what is refused: on real receivers, over gRPC and HTTP."""

import json
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import grpc
import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.records import latest
from ..harness.service import Service

pytestmark = pytest.mark.slow

Steps = list[tuple[str, str, float, int]]
WIDE = {  # of the limits that the SDK applies, so that large items can be made
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9000000",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9000000",
    "OTEL_LOGS_EXPORTER": "otlp",
}
SMALL: Steps = [("span", "small", 10, 1), ("pause", "", 0.1, 1)] * 20


class Reachable(Protocol):
    """Whatever takes telemetry at an endpoint."""

    @property
    def endpoint(self) -> str:
        """Return its address."""


def produce(project: Path, receiver: Reachable, steps: Steps, **variables: str) -> str:
    """Make telemetry in a process of the service, which drains at its end; return what it printed."""
    program = str(Path(__file__).with_name("producing.py"))
    package = next((project / "src").glob("*/telemetry")).parent.name
    command = ("python", program, package, json.dumps(steps))
    variables = WIDE | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint} | variables
    with Service(project, *command, ready=None, **variables) as service:
        assert service.process
        service.process.wait(180)
        return service.output


def names(receiver: Receiver) -> Counter[str]:
    """Return how often a span of each name arrived."""
    return Counter(span.name for span in receiver.spans)


def lost(receiver: Receiver) -> dict[str, float]:
    """Return how many spans the service says to have dropped, by error.type."""
    points = latest(receiver.metrics, "otel.sdk.processor.span.processed")
    return {p.attributes["error.type"]: p.value for p in points if "error.type" in p.attributes}


def test_a_batch_that_is_too_large_is_split(protocol: Any, projects: Projects) -> None:
    """300 spans of 20 kB in one batch, receiver with 4 MiB: all arrive, once, and so do the 20 small ones after them."""
    steps: Steps = [("span", "large", 20_000, 300), *SMALL]
    with Receiver(protocol) as receiver:
        printed = produce(projects(protocol), receiver, steps)
    assert names(receiver) == {"large": 300, "small": 20}
    assert "dropped" not in printed


def test_an_item_that_is_too_large_alone_costs_itself(protocol: Any, projects: Projects) -> None:
    """One span, one log record and one data point of 5 MB among others: those are named and counted, the rest arrives."""
    steps: Steps = [
        ("span", "before", 10, 20),
        ("span", "huge", 5_000_000, 1),
        *SMALL,
        ("record", "before", 10, 20),
        ("record", "huge", 5_000_000, 1),
        ("record", "after", 10, 20),
        ("point", "before", 10, 20),
        ("point", "huge", 5_000_000, 1),
        ("point", "after", 10, 20),
        ("pause", "", 8, 1),  # the drain alone has four seconds
    ]
    with Receiver(protocol) as receiver:
        printed = produce(projects(protocol), receiver, steps, OTEL_METRIC_EXPORT_INTERVAL="3000")
    assert names(receiver) == {"before": 20, "small": 20}
    assert Counter(log.body.split()[0] for log in receiver.logs if log.scope == "t") == {"before": 20, "after": 20}
    points = {point.attributes["name"] for point in receiver.metrics if point.name == "points"}
    assert Counter(name.rstrip("0123456789") for name in points) == {"before": 20, "after": 20}
    lines = [line for line in printed.splitlines() if "dropped, " in line]
    assert len(lines) == 3
    assert all("one alone is larger than the receiver takes" in line for line in lines)
    (spans,) = [line for line in lines if " spans dropped" in line]
    assert "'huge'" in spans
    assert lost(receiver) == {"too_large": 1}


def test_metrics_that_are_too_large_are_split(protocol: Any, projects: Projects) -> None:
    """600 data points of 20 kB, 12 MB in all: each arrives."""
    with Receiver(protocol) as receiver:
        produce(projects(protocol), receiver, [("point", "large", 20_000, 600)])
    assert len({point.attributes["name"] for point in receiver.metrics if point.name == "points"}) == 600


def test_what_a_partial_success_rejects_is_counted_and_told_once(protocol: Any, projects: Projects) -> None:
    """A receiver that takes two batches without 3 spans each: 6 are counted, and one line says why."""
    steps: Steps = [("span", "first", 10, 5), ("pause", "", 1.5, 1), ("span", "second", 10, 5)]
    with Receiver(protocol) as receiver:
        receiver.fault = Fault.partial_success(3, "the quota is used up", signal="traces")
        printed = produce(projects(protocol), receiver, steps)
    assert names(receiver) == {"first": 2, "second": 2}
    assert lost(receiver) == {"rejected": 6}
    lines = [line for line in printed.splitlines() if "the quota is used up" in line]
    assert len(lines) == 1
    assert "3 spans dropped" in lines[0]
    assert "6 spans dropped since the start" in printed


def test_what_a_receiver_that_takes_everything_says_is_told(protocol: Any, projects: Projects) -> None:
    """A partial success that rejects nothing is a warning of the receiver's: nothing is counted."""
    with Receiver(protocol) as receiver:
        receiver.fault = Fault.partial_success(0, "this attribute is deprecated", signal="traces")
        printed = produce(projects(protocol), receiver, [("span", "small", 10, 5)])
    assert names(receiver) == {"small": 5}
    assert lost(receiver) == {}
    assert printed.count("WARNING") == printed.count("this attribute is deprecated") == 1


@pytest.mark.parametrize(
    ("code", "status"), [(grpc.StatusCode.INVALID_ARGUMENT, 400), (grpc.StatusCode.INTERNAL, 500)], ids=["4xx", "5xx"]
)
def test_a_slow_refusal_is_final(protocol: Any, code: Any, status: int, projects: Projects) -> None:
    """A refusal that takes 0.7 s to come is asked for once, counted and named; what comes after it arrives."""
    fault = Fault.status(code if protocol == "grpc" else status, message="no", seconds=0.7, holding="refused")
    steps: Steps = [("span", "refused", 10, 3), ("pause", "", 2, 1), *SMALL]
    with Receiver(protocol) as receiver:
        receiver.fault = fault
        printed = produce(projects(protocol), receiver, steps)
        assert receiver.rejected == 3
    assert names(receiver) == {"small": 20}
    assert lost(receiver) == {"refused": 3}
    (line,) = [line for line in printed.splitlines() if "dropped" in line]
    assert "3 spans dropped, 3 since the start: the receiver refuses them for good (" in line


def test_what_is_answered_by_later_for_ever_holds_up_nothing_else(protocol: Any, projects: Projects) -> None:
    """One batch that is answered by UNAVAILABLE or 503 each time lets all others pass after ten seconds."""
    fault = Fault.status(grpc.StatusCode.UNAVAILABLE if protocol == "grpc" else 503, holding="poison")
    steps: Steps = [("span", "poison", 10, 1), ("pause", "", 1.5, 1), *SMALL, ("pause", "", 20, 1), *SMALL]
    with Receiver(protocol) as receiver:
        receiver.fault = fault
        produce(projects(protocol), receiver, [*steps, ("pause", "", 10, 1)])
    assert names(receiver) == {"small": 40}


@pytest.mark.parametrize(
    ("code", "status"), [(grpc.StatusCode.RESOURCE_EXHAUSTED, 429), (grpc.StatusCode.UNAVAILABLE, 503)], ids=str
)
def test_a_receiver_that_asks_to_wait_is_waited_for(protocol: Any, code: Any, status: int, projects: Projects) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, and 429 with Retry-After, are no refusals: the batch comes later."""
    code = code if protocol == "grpc" else status
    with Receiver(protocol) as receiver:
        receiver.fault = Fault.status(code, retry_after=3, signal="traces")
        program = projects(protocol)
        with Service(program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            assert service.post(1) == 201
            assert receiver.wait_for(lambda seen: seen.rejected >= 2)
            receiver.fault = None
            assert receiver.wait_for(lambda seen: seen.count("traces") == 2, 10)
            service.stop()
        assert len(receiver.spans) == 2
        times = [request.received_at for request in receiver.requests if request.signal == "traces"]
    assert min(later - earlier for earlier, later in pairwise(times)) > 2.5


@pytest.mark.parametrize(("status", "message"), [(413, ""), (400, "http: request body too large")])
def test_http_says_too_large_by_two_statuses(status: int, message: str, projects: Projects) -> None:
    """413, and the 400 of a Collector: the batch is split, and only what is named so itself is dropped."""
    steps: Steps = [("span", "large", 10, 1), ("span", "small", 10, 30)]
    with Receiver("http") as receiver:
        receiver.fault = Fault.status(status, message=message, holding="large")
        printed = produce(projects("http"), receiver, steps)
    assert names(receiver) == {"small": 30}
    assert lost(receiver) == {"too_large": 1}
    assert message in printed


def test_what_a_receiver_says_of_a_refusal_is_told(protocol: Any, projects: Projects) -> None:
    """The line about what is dropped has the receiver's own words, over HTTP too."""
    code = grpc.StatusCode.PERMISSION_DENIED if protocol == "grpc" else 403
    with Receiver(protocol) as receiver:
        receiver.fault = Fault.status(code, message="tenant 'shop' is closed", signal="traces")
        printed = produce(projects(protocol), receiver, [("span", "small", 10, 3)])
    (line,) = [line for line in printed.splitlines() if "dropped" in line]
    assert "tenant 'shop' is closed" in line


def test_the_end_does_not_wait_for_as_long_as_it_was_asked_to(protocol: Any, projects: Projects) -> None:
    """A receiver that once asked to wait for half a minute, and is well, gets everything before the process is gone."""
    code = grpc.StatusCode.RESOURCE_EXHAUSTED if protocol == "grpc" else 429
    with Receiver(protocol) as receiver:
        receiver.fault = Fault.status(code, retry_after=30, signal="traces")
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            assert [service.post(number) for number in range(20)] == [201] * 20
            assert receiver.wait_for(lambda seen: seen.rejected > 0)
            receiver.fault = None
            assert [service.post(number) for number in range(20)] == [201] * 20
            assert service.stop() < 6
        assert len(receiver.spans) == 80


def test_what_fills_the_queue_passes_too(protocol: Any, projects: Projects) -> None:
    """2,000 spans that end within a moment, one of them never taken, and then none: the others arrive all the same."""
    fault = Fault.status(grpc.StatusCode.UNAVAILABLE if protocol == "grpc" else 503, holding="poison")
    steps: Steps = [("span", "poison", 10, 1), ("span", "good", 10, 2000), ("pause", "", 15, 1)]
    with Receiver(protocol) as receiver:
        receiver.fault = fault
        produce(projects(protocol), receiver, steps)
    assert names(receiver) == {"good": 2000}


def test_a_span_may_have_anything_for_a_name(projects: Projects) -> None:
    """A name that is no text raises nothing in the application, and arrives as text."""
    with Receiver("grpc") as receiver:
        printed = produce(projects("grpc"), receiver, [("span", 5, 10, 1), ("span", None, 10, 1)])  # type: ignore[list-item]
    assert "Traceback" not in printed
    assert names(receiver) == {"5": 1, "None": 1}


def test_long_paths_from_outside_cost_no_other_request(protocol: Any, projects: Projects) -> None:
    """75 GETs with a path of 60 KB at once, attributes as long as they come: every span of every request arrives."""
    with Receiver(protocol) as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "3000"}
        with Service(projects(protocol), **WIDE | variables) as service:
            with closing(service.connect()) as connection:
                for number in range(75):
                    assert service.request("GET", f"/{number}{'x' * 60_000}", connection=connection)[0] == 404
                for number in range(40):
                    assert service.post(number, connection=connection) == 201
            service.stop()
        assert len(receiver.spans) == 75 + 2 * 40


def test_the_status_counts_under_a_credential_provider(projects: Projects, tmp_path: Path) -> None:
    """A session of an installed credential provider is listened to as our own is."""
    (tmp_path / "ours.py").write_text("import requests\n\n\ndef session():\n    return requests.Session()\n")
    info = tmp_path / "ours-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[opentelemetry_otlp_credential_provider]\nours = ours:session\n")
    variables = {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "ours", "PYTHONPATH": str(tmp_path)}
    with Receiver("http") as receiver:
        steps: Steps = [("span", "large", 20_000, 300), *SMALL]
        produce(projects("http"), receiver, steps, **variables)
    assert names(receiver) == {"large": 300, "small": 20}


def test_a_delay_counts_more_than_words(projects: Projects) -> None:
    """A quota that names a burst size and asks to wait is waited for, and nothing is split or dropped."""
    quota = grpc.StatusCode.RESOURCE_EXHAUSTED
    steps: Steps = [("span", "work", 10, 20), ("pause", "", 4, 1)]
    printed: list[str] = []
    with Receiver("grpc") as receiver:
        receiver.fault = Fault.status(quota, message="ingestion rate, burst size", retry_after=0.5, signal="traces")
        thread = Thread(target=lambda: printed.append(produce(projects("grpc"), receiver, steps)))
        thread.start()
        assert receiver.wait_for(lambda seen: sum(request.signal == "traces" for request in seen.requests) >= 2, 20)
        receiver.fault = None
        thread.join(60)
    assert names(receiver) == {"work": 20}
    assert "dropped" not in printed[0]
