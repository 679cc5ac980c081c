"""What clients and exceptions write is bounded while it waits; honest stack traces arrive whole, and nothing is logged."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.service import Service
from .test_refusals import Steps, produce

pytestmark = pytest.mark.slow

SHIPPED = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": ""}
MOST_MEGABYTES = 200
QUEUE = 16_384  # the service's own length of the queue


@pytest.mark.parametrize("kind", ["raised", "raised-wide", "raised-from", "logged"])
def test_2000_exceptions_of_500_kb_fit_into_memory(kind: str, projects: Projects) -> None:
    """Without a collector 2,000 exceptions of 500 kB, however they are written, add at most 200 MB."""
    logs = "otlp" if kind == "logged" else "none"
    with Receiver("grpc") as receiver:
        receiver.fault = Fault.black_hole()
        steps: Steps = [(kind, "e", 500_000, 2000), ("memory", "", 0, 1)]
        printed = produce(projects("grpc"), receiver, steps, **SHIPPED | {"OTEL_LOGS_EXPORTER": logs})
    (kilobytes,) = re.findall(r"^memory=(\d+)$", printed, re.MULTILINE)
    print(f"{kind}: {int(kilobytes) // 1024} MB")
    assert int(kilobytes) / 1024 < MOST_MEGABYTES
    assert "exceeds max length" not in printed


@pytest.mark.parametrize(
    "step", [("raised-wide", "e", 20_000), ("heavy", "list", 1e6), ("heavy", "many", 500_000)], ids=str
)
def test_a_full_queue_of_whatever_is_heavy_fits_into_memory(step: tuple[str, str, float], projects: Projects) -> None:
    """Without a collector as many spans as the queue is long, each of 80 kB to 1 MB, or 2,000 of the largest, add at most 200 MB; losses are told."""
    with Receiver("grpc") as receiver:
        receiver.fault = Fault.black_hole()
        steps: Steps = [(*step, QUEUE if step[0] == "raised-wide" else 2000), ("memory", "", 0, 1)]
        printed = produce(projects("grpc"), receiver, steps, **SHIPPED)
    (kilobytes,) = re.findall(r"^memory=(\d+)$", printed, re.MULTILINE)
    print(f"{step}: {int(kilobytes) // 1024} MB")
    assert int(kilobytes) / 1024 < MOST_MEGABYTES
    assert "spans dropped" in printed


def test_an_honest_stack_trace_arrives_whole(protocol: Any, projects: Projects) -> None:
    """A traceback of 900 frames in two functions, 90 kB, comes with its first and its last line; the message is short."""
    with Receiver(protocol) as receiver:
        produce(projects(protocol), receiver, [("recursion", "why it failed", 450, 1)], **SHIPPED)
    (span,) = receiver.spans
    ((_, attributes),) = span.events
    trace = attributes["exception.stacktrace"]
    assert len(trace) > 80_000
    assert trace.startswith("Traceback (most recent call last):")
    assert trace.rstrip().endswith("ValueError: why it failed")
    assert (span.status_message, attributes["exception.message"]) == ("ValueError: why it failed", "why it failed")


def test_what_is_cut_is_the_end(protocol: Any, projects: Projects) -> None:
    """Attributes, status and messages have 4,096 characters at most, stack traces 131,072; the variables change that."""
    steps: Steps = [("span", "n" * 9000, 9000, 1), ("raised", "e", 500_000, 1)]
    with Receiver(protocol) as receiver:
        produce(projects(protocol), receiver, steps, **SHIPPED)
        general = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1000"}
        produce(projects(protocol), receiver, steps, **SHIPPED | general)
    shapes = []
    for plain, failed in zip(receiver.spans[::2], receiver.spans[1::2], strict=True):
        ((_, event),) = failed.events
        texts = (plain.name, plain.attributes["text"], failed.status_message)
        shapes.append([len(text) for text in (*texts, event["exception.message"], event["exception.stacktrace"])])
    assert shapes == [[4096, 4096, 4096, 4096, 131_072], [1000, 1000, 1000, 1000, 1000]]


def test_long_paths_leave_memory_as_it_is(protocol: Any, projects: Projects) -> None:
    """1,000 GETs with a path of 60 KB, collector healthy, add less than 40 MB, and no line of the log for each."""
    with Receiver(protocol) as receiver:
        with Service(projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
            with closing(service.connect()) as connection:
                for number in range(20):
                    service.post(number, connection=connection)
                before = resident_megabytes(service.pid)
                for number in range(1000):
                    service.request("GET", f"/{number}{'x' * 60_000}", connection=connection)
                added = resident_megabytes(service.pid) - before
            service.stop()
            printed = service.output
        assert len(receiver.spans) == 2 * 20 + 1000
        assert max(len(str(value)) for span in receiver.spans for value in span.attributes.values()) == 4096
    print(f"{protocol}: {added:.0f} MB")
    assert added < 40
    assert "exceeds max length" not in printed


def resident_megabytes(process: int) -> float:
    """Return the memory of a process, as the kernel counts it."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
