"""What short programs see of telemetry: each runs in a process of its own, as a service's own code would."""

import json
import subprocess
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.service import clean_environment

pytestmark = pytest.mark.slow

Run = Callable[..., list[str]]


@pytest.fixture
def run(projects: Projects) -> Run:
    """Return a function that runs code with these variables and returns the lines that it printed."""
    offline = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}

    def run(code: str, **variables: str) -> list[str]:
        done = subprocess.run(
            [
                projects("grpc") / ".venv/bin/python",
                "-c",
                f"from payment_service import telemetry\n{textwrap.dedent(code)}",
            ],
            env=clean_environment() | offline | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.splitlines()

    return run


def printed_span(lines: list[str]) -> dict[str, Any]:
    """Return the one span that the console exporter printed among log lines."""
    start, end = lines.index("{"), lines.index("}")
    assert lines.count("{") == 1
    span: dict[str, Any] = json.loads("\n".join(lines[start : end + 1]))
    return span


ONE_SPAN = """
    from opentelemetry import trace
    telemetry.configure()
    trace.get_tracer("test").start_span("work", attributes={"url.full": "https://u:p@ss@shop/?card=4111&x"}).end()
    telemetry.shutdown()
"""


def test_what_an_exporter_logs_is_masked(run: Run) -> None:
    """A receiver may repeat a header's value, and the SDK logs what it says: it does not reach a log line."""
    lines = run(
        """
        import logging
        telemetry.configure()
        logging.getLogger("opentelemetry.exporter").error("details: %s is no token", "s3cret-token")
        """,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20s3cret-token",
    )
    assert [line.partition("details: ")[2] for line in lines if "details" in line] == ["REDACTED is no token"]


def test_a_recorded_space_ends_no_url(run: Run) -> None:
    """What follows a space in an attribute that holds a URL, or a query alone, is scrubbed like the rest."""
    span = ONE_SPAN.replace("https://u:p@ss@shop/?card=4111&x", "https://shop/?card=4111 1111#1111")
    assert span != ONE_SPAN
    assert printed_span(run(span))["attributes"]["url.full"] == "https://shop/?card=REDACTED#REDACTED"


def test_a_callers_malformed_header_is_one_line(run: Run) -> None:
    """Baggage and tracestate that are malformed, in 300 parts, are one WARNING without the caller's text."""
    lines = run(
        """
        from opentelemetry import propagate
        telemetry.configure()
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        for header in ("secret mine," * 300, "s" * 9000):
            propagate.extract({"baggage": header, "traceparent": parent, "tracestate": header[:500]})
        """
    )
    warnings = [line.rpartition(": ")[2] for line in lines if " WARNING " in line]
    assert warnings == ["a caller's trace headers (baggage, tracestate) are malformed, and not used in full"]
    assert "mine" not in "".join(lines)


def test_what_the_limits_dropped_is_counted(run: Run) -> None:
    """A span that is copied to scrub it still says how many attributes it lost."""
    lines = run(
        """
        from opentelemetry import trace
        telemetry.configure()
        work = trace.get_tracer("test").start_span("work", attributes={"url.full": "http://h/?a=1"})
        work.set_attributes({f"a{number}": 0 for number in range(9)})
        work.end()
        sent = telemetry.providers.ScrubbingProcessor  # what the exporter is given
        print(__import__(sent.__module__, fromlist="x").scrubbed(work).dropped_attributes)
        """,
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="4",
    )
    assert "6" in lines


def test_a_span_that_ends_too_late_is_counted(run: Run) -> None:
    """What ends after shutdown() cannot be sent any more, and says so, with the number of such spans."""
    lines = run(ONE_SPAN + "    for name in 'abc': trace.get_tracer('test').start_span(name).end()")
    late = [line.partition(": ")[2] for line in lines if "ended after shutdown()" in line]
    assert late[2:] == ["3 spans ended after shutdown() and are lost; the last was 'c'"]
    printed_span(lines)


def test_only_allowed_baggage_becomes_attributes(run: Run) -> None:
    """Baggage comes from anybody upstream: of two entries only the one that is on the list reaches the span."""
    code = """
        from opentelemetry import baggage, context, trace
        telemetry.providers.span_attributes = lambda: frozenset({"tenant.id"})
        telemetry.configure()
        for key in ("tenant.id", "secret"):
            context.attach(baggage.set_baggage(key, "acme"))
        trace.get_tracer("test").start_span("work").end()
    """
    assert printed_span(run(code))["attributes"] == {"tenant.id": "acme"}
    nothing_allowed = code.replace('frozenset({"tenant.id"})', "frozenset()")
    assert printed_span(run(nothing_allowed))["attributes"] == {}
