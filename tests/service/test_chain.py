"""One trace through everything: FastAPI calls Flask, which sends a task to Celery, which leaves a message to a worker.

Each is a service made from this template, with the few lines in its transactions.py that a user would write.
"""

import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..harness.receiver import Receiver, Span
from ..harness.redis import MAY_SKIP, Redis
from ..harness.service import Service, install, render
from ..harness.waiting import wait_until

pytestmark = pytest.mark.slow

BEGINNING = """
    import os
    from opentelemetry import baggage, context, propagate, trace

    MAX_AMOUNT_CENTS = 2**63 - 1
    tracer = trace.get_tracer(__name__)

    def is_amount(value): return type(value) is int

    def process_transaction(amount_cents):
        with tracer.start_as_current_span("process_transaction"):
            return forward(amount_cents)
"""

WORK = {
    "fastapi": """
    import httpx

    def forward(amount_cents):
        context.attach(baggage.set_baggage("tenant.id", "acme"))
        return httpx.post(os.environ["FLASK_URL"], json={"amount_cents": amount_cents}).json()["transaction_id"]
""",
    "flask": """
    from celery import Celery

    def forward(amount_cents):
        carrier = {}
        propagate.inject(carrier)
        queue = Celery(broker=os.environ["REDIS_URL"])
        return queue.send_task("process_transaction", [amount_cents], headers=carrier).id
""",
    "celery": """
    import json, redis

    def forward(amount_cents):
        message = {"amount_cents": amount_cents}
        propagate.inject(message)
        redis.Redis.from_url(os.environ["REDIS_URL"]).rpush("transactions", json.dumps(message))
        return ""
""",
    "worker": """
    def forward(amount_cents):
        trace.get_current_span().set_attribute("app.tenant", str(baggage.get_baggage("tenant.id")))
        return ""
""",
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the four services, installed, each under the name of its framework."""
    made = {}
    for framework, work in WORK.items():
        protocol = "http" if framework in ("flask", "worker") else "grpc"
        slug = f"the-{framework}"
        project = render(
            tmp_path_factory.mktemp(framework), project_slug=slug, framework=framework, otlp_protocol=protocol
        )
        code = textwrap.dedent(BEGINNING) + textwrap.dedent(work)
        (project / "src" / slug.replace("-", "_") / "transactions.py").write_text(code)
        if framework == "flask":
            pyproject = (project / "pyproject.toml").read_text()
            (project / "pyproject.toml").write_text(
                pyproject.replace('  "flask>', '  "celery[redis]>=5.7,<6",\n  "flask>')
            )
        made[framework] = install(project, "--no-dev")
    return made


@pytest.mark.skipif(MAY_SKIP, reason="redis-server is not installed")
def test_one_request_is_one_trace_through_four_services(services: dict[str, Path]) -> None:
    """The spans of the four services are one trace, each the child of the one before; baggage reaches the end."""
    with ExitStack() as stack:
        receivers = {protocol: stack.enter_context(Receiver(protocol)) for protocol in ("grpc", "http")}
        redis = stack.enter_context(Redis())
        running: dict[str, Service] = {}
        for framework in ("worker", "celery", "flask", "fastapi"):
            receiver = receivers["http" if framework in ("flask", "worker") else "grpc"]
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "REDIS_URL": redis.url}
            if framework == "fastapi":
                variables["FLASK_URL"] = f"http://127.0.0.1:{running['flask'].port}/transactions"
            ready = "/readyz" if framework in ("flask", "fastapi") else None
            running[framework] = stack.enter_context(Service(services[framework], ready=ready, **variables))

        assert running["fastapi"].post(4999) == 201

        def spans() -> list[Span]:
            return [span for receiver in receivers.values() for span in receiver.spans]

        wait_until(lambda: len(spans()) >= 9, "the nine spans of the chain", 60, seen=spans)
        for service in running.values():
            service.stop()

    by_id = {span.span_id: span for span in spans()}
    chain = [next(span for span in spans() if span.attributes.get("app.tenant"))]
    while chain[-1].parent_id:
        chain.append(by_id[chain[-1].parent_id])
    way = [(span.resource["service.name"], span.name, span.kind) for span in reversed(chain)]
    assert way == [
        ("the-fastapi", "POST /transactions", "SERVER"),
        ("the-fastapi", "process_transaction", "INTERNAL"),
        ("the-fastapi", "POST", "CLIENT"),
        ("the-flask", "POST /transactions", "SERVER"),
        ("the-flask", "process_transaction", "INTERNAL"),
        ("the-celery", "run process_transaction", "CONSUMER"),
        ("the-celery", "process_transaction", "INTERNAL"),
        ("the-worker", "process transactions", "CONSUMER"),
        ("the-worker", "process_transaction", "INTERNAL"),
    ]
    assert {span.trace_id for span in spans()} == {chain[0].trace_id}
    assert len(by_id) == len(spans()) == len(way)
    assert chain[0].attributes["app.tenant"] == "acme"
