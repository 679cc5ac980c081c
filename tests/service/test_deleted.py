"""A user's files are the user's: a service without baggage.py and log_lines.py runs, and passes telemetry's tests."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service, clean_environment

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("gone", [["baggage.py"], ["log_lines.py"], ["baggage.py", "log_lines.py"]], ids="+".join)
def test_a_service_runs_without_these_files(gone: list[str], projects: Projects, tmp_path: Path) -> None:
    """It serves, its span arrives, its line has the span's trace, and the tests in tests/telemetry/ pass."""
    project = projects("grpc")
    copy = shutil.copytree(project, tmp_path / project.name, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    (copy / ".venv").symlink_to(project / ".venv")
    path = {"PYTHONPATH": str(copy / "src")}  # before the original, which is installed
    for name in gone:
        (copy / "src" / "payment_service" / name).unlink()
    with Receiver("grpc") as receiver:
        with Service(copy, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **path) as service:
            assert service.post(4999) == 201
            assert receiver.wait_for(lambda arrived: len(arrived.spans) == 2)
            service.stop()
            output = service.output
        (trace_id,) = {span.trace_id for span in receiver.spans}
    assert re.search(
        rf"(?m)^\d{{4}}-.* INFO payment_service\.transactions: .* trace_id={trace_id} span_id=\w+$", output
    )
    done = subprocess.run(
        [copy / ".venv/bin/python", "-m", "pytest", "-q", "tests/telemetry"],
        cwd=copy,
        env=clean_environment() | path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout


EARLIER = """
from payment_service import telemetry
from payment_service.telemetry import queue_tracing
from payment_service.telemetry.masking import scrub
assert telemetry.lifecycle.DEADLINE_SECONDS == telemetry.DEADLINE_SECONDS
assert scrub is telemetry.scrub
print(all(map(callable, (queue_tracing.hand_over, queue_tracing.begin, queue_tracing.end))))
"""


def test_names_of_earlier_versions_are_there(projects: Projects) -> None:
    """Files that a team edited before there was a public surface still find what they import."""
    done = subprocess.run(
        [projects("grpc", "celery") / ".venv/bin/python", "-c", EARLIER],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
