"""The console exporter, for a person at a terminal: what a running service prints for one request."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.service import Service

pytestmark = pytest.mark.slow

WORK = "process_transaction"
TRACE_ID, SPAN_ID = re.compile("0x[0-9a-f]{32}"), re.compile("0x[0-9a-f]{16}")


@pytest.fixture(scope="module")
def output(projects: Projects) -> str:
    """Return all that a service with the console exporter prints, from start to SIGTERM, for one request."""
    with Service(projects("grpc"), OTEL_TRACES_EXPORTER="console", OTEL_METRICS_EXPORTER="none") as service:
        assert service.post(4999) == 201
        service.stop()
        return service.output


@pytest.fixture(scope="module")
def spans(output: str) -> dict[str, dict[str, Any]]:
    """Return the spans printed, by name: a span is JSON that begins and ends with a brace on a line of its own."""
    found = [json.loads(text) for text in re.findall(r"^\{$.*?^\}$", output, re.MULTILINE | re.DOTALL)]
    return {span["name"]: span for span in found}


@pytest.fixture(scope="module")
def span(spans: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the span of the work done for the request."""
    return spans[WORK]


def test_each_span_is_printed_once(output: str, spans: dict[str, dict[str, Any]]) -> None:
    """One request prints its server span and the work inside it, and nothing else is printed as a span."""
    assert sorted(spans) == ["POST /transactions", WORK]
    assert output.count('"parent_id"') == 2


def test_a_span_has_the_console_exporters_keys(span: dict[str, Any]) -> None:
    """The SDK's names stand at each level, no more and no fewer."""
    assert list(span) == [
        "name",
        "context",
        "kind",
        "parent_id",
        "start_time",
        "end_time",
        "status",
        "attributes",
        "events",
        "links",
        "resource",
    ]
    assert list(span["context"]) == ["trace_id", "span_id", "trace_state"]
    assert list(span["status"]) == ["status_code"]
    assert list(span["resource"]) == ["attributes", "schema_url"]


def test_ids_are_hexadecimal_with_a_prefix(span: dict[str, Any]) -> None:
    """A trace id is 0x and 32 digits, a span id 0x and 16; neither is all zeros."""
    ids = [(TRACE_ID, span["context"]["trace_id"]), (SPAN_ID, span["context"]["span_id"]), (SPAN_ID, span["parent_id"])]
    for shape, value in ids:
        assert shape.fullmatch(value)
        assert int(value, 16)
    assert span["context"]["trace_state"] == "[]"


def test_the_work_belongs_to_its_request(spans: dict[str, dict[str, Any]]) -> None:
    """The server span is the root of the trace and the parent of the work."""
    request, work = spans["POST /transactions"], spans[WORK]
    assert request["parent_id"] is None
    assert work["parent_id"] == request["context"]["span_id"]
    assert work["context"]["trace_id"] == request["context"]["trace_id"]
    assert (request["kind"], work["kind"]) == ("SpanKind.SERVER", "SpanKind.INTERNAL")


def test_times_are_utc_and_in_order(spans: dict[str, dict[str, Any]]) -> None:
    """Start and end are ISO 8601 with microseconds and Z, and the work lies within its request."""
    request, work = spans["POST /transactions"], spans[WORK]
    stamps = [request["start_time"], work["start_time"], work["end_time"], request["end_time"]]
    assert [
        datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").isoformat(timespec="microseconds") for stamp in stamps
    ] == sorted(stamp.removesuffix("Z") for stamp in stamps)


def test_the_rest_of_a_span(span: dict[str, Any]) -> None:
    """What the service set is there with its type; what it did not set is empty."""
    assert span["status"] == {"status_code": "UNSET"}
    assert span["attributes"] == {"payment.amount_cents": 4999}
    assert (span["events"], span["links"]) == ([], [])
    assert span["resource"]["attributes"]["service.name"] == "payment-service"
    assert span["resource"]["schema_url"] == ""


def test_log_lines_and_spans_do_not_mix(output: str, span: dict[str, Any]) -> None:
    """Each line is part of a span or a log line, and the one logged in the span ends with the span's own ids."""
    outside = re.sub(r"^\{$.*?^\}$", "", output, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in outside.splitlines() if line]
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ", line)] == []
    (line,) = [line for line in lines if "processed transaction" in line]
    trace_id, span_id = (span["context"][name].removeprefix("0x") for name in ("trace_id", "span_id"))
    assert line.endswith(f" trace_id={trace_id} span_id={span_id}")
    assert [line for line in lines if "trace_id=" in line] == [line]
