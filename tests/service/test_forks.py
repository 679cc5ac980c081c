"""A fork while telemetry is at work, which should not be: nothing hangs, nothing is lost, and the child complains."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import clean_environment

pytestmark = pytest.mark.slow

FORKS = 200


def test_forks_during_export(protocol: Any, projects: Projects) -> None:
    """200 forks while three signals are exported: no child hangs, and every span of parent and children arrives once."""
    project = projects(protocol)
    script = Path(__file__).with_name("forking.py")
    with Receiver(protocol) as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_LOGS_EXPORTER": "otlp",
            # An export is under way most of the time.
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            "OTEL_BLRP_SCHEDULE_DELAY": "20",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "PYTHONWARNINGS": "ignore",  # from Python 3.12 on: at a fork with threads
        }
        done = subprocess.run(
            [project / ".venv/bin/python", script, "payment_service", str(FORKS)],
            env=clean_environment() | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        verdict = dict(pair.split("=") for pair in done.stdout.splitlines()[-1].split())
        assert verdict["hung"] == "0"
        assert Counter(span.name for span in receiver.spans) == {"parent": int(verdict["parent"]), "child": FORKS}
        assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
        assert len({span.resource["service.instance.id"] for span in receiver.spans}) == 1 + FORKS
        assert done.stdout.count("call it after the fork, in the child, only") == FORKS
