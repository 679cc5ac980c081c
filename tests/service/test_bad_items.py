"""A text that UTF-8 cannot hold costs neither its item nor the batch: in a process of the service, on real receivers."""

import re
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.records import latest
from .test_refusals import Steps, names, produce

pytestmark = pytest.mark.slow

LONE = "\ud83e"  # half of a character: json.loads() and str.encode() disagree about it
CLEAN = "\ufffd"


def test_a_lone_surrogate_is_replaced_and_all_else_arrives(protocol: Any, projects: Projects) -> None:
    """In a span's name, an exception's message and stack trace, and a log record; each kind of text is told once."""
    steps: Steps = [
        ("span", "before", 10, 5),
        ("span", LONE, 10, 3),
        ("raised", LONE, 10, 2),
        ("span", "after", 10, 5),
        ("record", "before", 10, 5),
        ("logged", LONE, 10, 2),
        ("record", "after", 10, 5),
    ]
    with Receiver(protocol) as receiver:
        printed = produce(projects(protocol), receiver, steps)
    assert names(receiver) == {"before": 5, CLEAN: 3, "raised": 2, "after": 5}
    text = CLEAN + "x" * 10
    for span in receiver.spans:
        if span.name == "raised":
            ((_, exception),) = span.events
            assert (span.status_message, exception["exception.message"]) == (f"ValueError: {text}", text)
            assert exception["exception.stacktrace"].rstrip().endswith(f"ValueError: {text}")
    bodies = [log.body.split()[0] for log in receiver.logs if log.scope == "t"]
    assert bodies == ["before"] * 5 + [text] * 2 + ["after"] * 5
    told = re.findall(r"WARNING .*'([\w. ]+)' has lone surrogates", printed)
    assert sorted(told) == sorted(
        ["span name", "status description", "exception.message", "exception.stacktrace", "body"]
    )
    assert "dropped" not in printed


def test_a_metric_that_cannot_be_encoded_costs_itself(protocol: Any, projects: Projects) -> None:
    """A number outside 64 bits is told once, in three exports; a bool and bad attributes arrive repaired, and all else."""
    steps: Steps = [
        ("number", "before", 10, 1),
        ("number", "huge", 64, 1),
        ("flag", "flag", 1, 1),
        ("label", LONE, 0, 1),
        ("number", "after", 10, 1),
        ("pause", "", 2.5, 1),
    ]
    with Receiver(protocol) as receiver:
        printed = produce(projects(protocol), receiver, steps, OTEL_METRIC_EXPORT_INTERVAL="1000")
    values = {name: {p.value for p in latest(receiver.metrics, name)} for name in ("before", "huge", "flag", "after")}
    assert values == {"before": {1024}, "huge": set(), "flag": {1}, "after": {1024}}
    (label,) = latest(receiver.metrics, "labels")
    assert label.attributes == {"name": CLEAN, CLEAN: str(2**64)}
    assert printed.count("'huge' has a value outside 64 bits") == 1
    assert not re.findall("ERROR|Traceback|dropped", printed)


def test_a_log_argument_that_raises_costs_its_record(projects: Projects) -> None:
    """As with logging's own handlers the code that logs goes on, and standard error has the reason."""
    steps: Steps = [("record", "before", 10, 1), ("argument", "no text", 0, 1), ("record", "after", 10, 1)]
    with Receiver("grpc") as receiver:
        printed = produce(projects("grpc"), receiver, steps)
    assert [log.body.split()[0] for log in receiver.logs if log.scope == "t"] == ["before", "after"]
    assert "RuntimeError: no text" in printed
    assert "Logging error" in printed
