"""OTEL_PROPAGATORS at a running service: what is handed on, and what is not, never costs an answer."""

from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service

pytestmark = pytest.mark.slow

CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "tenant.id=acme"}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("propagators", "parent"),
    [("tracecontext,baggage", "b7ad6b7169203331"), ("tracecontext", "b7ad6b7169203331"), ("baggage", ""), ("none", "")],
)
def test_every_list_of_propagators_serves(propagators: str, parent: str, protocol: Any, projects: Projects) -> None:
    """A request with a caller's trace is answered and traced; its parent is the caller's only if that is asked for."""
    with Receiver(protocol) as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_PROPAGATORS": propagators}
        with Service(projects(protocol), **variables) as service:
            assert service.post(1, headers=CALLER) == 201
            service.stop()
    assert [span.parent_id for span in receiver.spans if span.kind == "SERVER"] == [parent]
