"""configure() as a process meets it: each test starts one, because providers can be set only once in a process."""

import json
import os
import shlex
import subprocess
import sys
import textwrap
from typing import Any

from .fixtures import PACKAGE


def run(code: str, **variables: str) -> list[str]:
    """Run code in a new process that has these OTEL_* variables and no others; return the lines it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LOG_"))}
    # The tests read lines as the template writes them, whatever your log_lines.py does.
    start = f"from {PACKAGE} import telemetry\nimport sys\nsys.modules['{PACKAGE}.log_lines'] = telemetry.log_format\n"
    offline = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)],
        env=clean | offline | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


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


def test_the_environment_beats_the_code() -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win; what they leave out, the code says."""
    named = {"OTEL_SERVICE_NAME": "named", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging"}
    attributes = printed_span(run(ONE_SPAN, **named))["resource"]["attributes"]
    assert attributes["service.name"] == "named"
    assert attributes["deployment.environment.name"] == "staging"
    assert attributes["service.version"]


def test_one_line_says_what_goes_where() -> None:
    """At the start a line of key=value says who this is, where its signals go and how it is sampled, without secrets."""
    lines = run(
        "telemetry.configure(); telemetry.configure()",
        OTEL_SERVICE_NAME="my shop",
        OTEL_TRACES_EXPORTER="console,otlp",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://collector:1/v1/traces?key=s3cret",
        OTEL_EXPORTER_OTLP_TIMEOUT="0.1",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.25",
    )
    (line,) = [line.partition(": ")[2] for line in lines if " INFO " in line]
    title, *pairs = shlex.split(line)
    values = dict(pair.split("=", 1) for pair in pairs)
    assert title == "telemetry:"
    assert values["service"] == "my shop"
    assert values["environment"] == "development"
    assert values["traces"].startswith("console,https://collector:1/v1/traces?key=REDACTED(")
    assert [values["metrics"], values["logs"]] == ["off", "off"]
    assert values["sampler"] == "parentbased_traceidratio(0.25)"


def test_query_values_are_scrubbed() -> None:
    """The names of a query stay; its values, and credentials, never leave the process."""
    assert printed_span(run(ONE_SPAN))["attributes"]["url.full"] == "https://REDACTED@shop/?card=REDACTED&REDACTED"


def test_twice_is_once() -> None:
    """A second configure() and a second shutdown() do nothing: one span is printed once."""
    printed_span(run(ONE_SPAN.replace("telemetry.configure()", "telemetry.configure(); telemetry.configure()")))
    printed_span(run(f"{ONE_SPAN}    telemetry.shutdown()"))


def test_a_process_that_just_ends_sends_its_spans() -> None:
    """Without shutdown() the end of a script drains the queue."""
    printed_span(run(ONE_SPAN.replace("telemetry.shutdown()", "")))


def test_a_child_of_multiprocessing_sends_its_spans() -> None:
    """Such a child runs no atexit, and its pool ends it by SIGTERM: its queue is drained all the same."""
    lines = run(
        """
        import multiprocessing, sys, time
        from opentelemetry import trace

        def work(name):
            trace.get_tracer("test").start_span(name).end()

        with multiprocessing.get_context("fork").Pool(1, telemetry.configure) as pool:
            pool.map(work, ["one"])
        child = multiprocessing.get_context("fork").Process(target=lambda: (telemetry.configure(), work("two")))
        child.start()
        child.join()
        """
    )
    assert [line.split('"')[3] for line in lines if line.startswith('    "name"')] == ["one", "two"]


def test_a_bad_setting_is_one_error_and_no_reason_to_stop() -> None:
    """The service goes on, also where OpenTelemetry itself would raise while it is imported."""
    lines = run(ONE_SPAN, OTEL_PROPAGATORS="b3", OTEL_BSP_MAX_QUEUE_SIZE="many")
    errors = [line for line in lines if " ERROR " in line]
    assert [line.split()[4] for line in errors] == ["OTEL_BSP_MAX_QUEUE_SIZE='many'", "OTEL_PROPAGATORS='b3'"]
    printed_span(lines)


def test_a_provider_that_is_there_stays() -> None:
    """What an agent or a test has installed is respected: nothing is attached, and one line says so."""
    lines = run(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        theirs = TracerProvider()
        trace.set_tracer_provider(theirs)
        telemetry.configure()
        print(trace.get_tracer_provider() is theirs)
        trace.get_tracer("test").start_span("work").end()
        """
    )
    assert lines[-1] == "True"
    assert [line for line in lines if "already" in line] == [line for line in lines if "WARNING" in line]
    assert "{" not in lines


def test_disabled_means_nothing_is_sent() -> None:
    """OTEL_SDK_DISABLED leaves the service running and silent, and says so."""
    lines = run(ONE_SPAN, OTEL_SDK_DISABLED="true")
    assert "{" not in lines
    assert "OTEL_SDK_DISABLED" in lines[0]


def test_a_log_line_carries_the_ids_of_its_trace() -> None:
    """From a line on standard output a person finds the trace."""
    lines = run(
        """
        import logging
        from opentelemetry import trace
        telemetry.configure()
        with trace.get_tracer("test").start_as_current_span("work"):
            logging.getLogger("shop").warning("sold out")
        """
    )
    span = printed_span(lines)["context"]
    line = next(line for line in lines if "sold out" in line)
    assert line.endswith(f"sold out trace_id={span['trace_id'][2:]} span_id={span['span_id'][2:]}")


def test_a_fork_after_configure_is_told() -> None:
    """A child that was forked too late says so once, and names the remedy."""
    lines = run(
        """
        import os
        telemetry.configure()
        if not (child := os.fork()):
            telemetry.configure(); telemetry.configure()
            os._exit(0)
        os.waitpid(child, 0)
        """,
        OTEL_TRACES_EXPORTER="none",
    )
    assert [line.partition(": ")[2] for line in lines if " ERROR " in line and "call it after the fork" in line]
    assert len([line for line in lines if "before it forked" in line]) == 1
