"""On a laptop nothing listens where telemetry goes by default: that is one quiet line, and no wait at the end."""

import re
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.service import Service, free_port
from ..harness.waiting import wait_until

pytestmark = pytest.mark.slow


def test_no_endpoint_and_no_collector_is_one_line(protocol: Any, projects: Projects) -> None:
    """Without an endpoint the service says once that nothing is sent, and ends as fast as it can."""
    with Service(projects(protocol), OTEL_BSP_SCHEDULE_DELAY="100") as service:
        assert [service.post(1) for _ in range(20)] == [201] * 20
        wait_until(lambda: "nothing listens" in service.output, "the line", seen=lambda: service.output)
        assert service.stop() < 2.5
        output = service.output
    told = re.findall(r" (INFO|WARNING|ERROR) (\S*telemetry\S*|opentelemetry\S*) (?!telemetry: service=)(.*)", output)
    assert [(level, "nothing listens at http://localhost:431" in text) for level, _, text in told] == [
        ("INFO", True)
    ], output


def test_a_chosen_endpoint_without_a_collector_is_told(protocol: Any, projects: Projects) -> None:
    """With an endpoint the same is an outage: a WARNING, and the end tries for as long as it may."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    variables = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with Service(projects(protocol), **variables) as service:
        assert service.post(1) == 201
        assert 2.5 < service.stop() < 6
        assert f"traces: {endpoint} has taken nothing since" in service.output
