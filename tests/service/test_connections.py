"""A connection that died without a word is replaced: a load balancer has forgotten it, and new ones work."""

import time
from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.relay import Relay
from ..harness.service import Service

pytestmark = pytest.mark.slow


def test_a_forgotten_connection_costs_nothing(protocol: Any, projects: Projects) -> None:
    """After the first export that times out a new connection carries everything, also what was sent into the void."""
    with Receiver(protocol) as receiver, Relay(receiver.port) as relay:
        endpoint = f"http://127.0.0.1:{relay.port}"
        with Service(
            projects(protocol), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="2"
        ) as service:
            assert service.post(1) == 201
            assert receiver.wait_for(lambda seen: seen.count("traces") == 2)
            time.sleep(0.5)  # for the answer
            relay.forget()
            for amount in range(2, 12):
                assert service.post(amount) == 201
                time.sleep(0.3)
            assert receiver.wait_for(lambda seen: seen.count("traces") == 22, 10), receiver.count("traces")
            service.stop()
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 22
    assert 2 <= relay.connections <= 6
