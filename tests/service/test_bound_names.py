"""What a module takes from a library by name, when it is imported, is traced: functions, classes and engines."""

from typing import Any

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..harness.service import Service, uv
from .grown import grow

pytestmark = pytest.mark.slow

# Without their dependencies: what they share with the service, the service has.
LIBRARIES = (
    "sqlalchemy>=2,<2.1",
    "greenlet",
    "typing-extensions",
    "aiosqlite",
    "opentelemetry-instrumentation-sqlalchemy",
    "opentelemetry-instrumentation-sqlite3",
    "opentelemetry-instrumentation-dbapi",
)
IMPORTS = """
from sqlite3 import connect

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

ENGINE = create_engine("sqlite://")
ASYNC_ENGINE = create_async_engine("sqlite+aiosqlite://")
"""
ROUTES = """

@app.get("/engine")
async def use_engine() -> None:
    with ENGINE.connect() as connection:
        connection.execute(text("select 'secret'"))


@app.get("/async-engine")
async def use_async_engine() -> None:
    async with ASYNC_ENGINE.connect() as connection:
        await connection.execute(text("select 'secret'"))


@app.get("/function")
async def use_function() -> None:
    connect(":memory:").cursor().execute("select 'secret'")
"""
SCOPES = {"/engine": "sqlalchemy", "/async-engine": "sqlalchemy", "/function": "sqlite3"}


@pytest.fixture(scope="module")
def path(projects: Projects, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folders of a grown service and of its libraries, as PYTHONPATH."""
    project = projects("grpc")
    folder = tmp_path_factory.mktemp("grown")
    libraries = folder / "libraries"
    python = str(project / ".venv" / "bin" / "python")
    done = uv(project, "pip", "install", "--python", python, "--target", str(libraries), "--no-deps", *LIBRARIES)
    assert not done.returncode, done.stdout
    return f"{grow(project, folder, IMPORTS, ROUTES)}:{libraries}"


@pytest.mark.parametrize(
    "command",
    [(), ("gunicorn", "payment_service.app:app"), ("gunicorn", "--preload", "payment_service.app:app")],
    ids=["uvicorn", "gunicorn", "gunicorn-preload"],
)
def test_a_query_is_a_child_of_its_request(command: tuple[str, ...], path: str, projects: Projects) -> None:
    """Engines and functions that app.py binds while it is imported, before configure(): each query is there, once."""
    with Receiver("grpc") as receiver:
        variables: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "PYTHONPATH": path}
        with Service(projects("grpc"), *command, **variables) as service:
            assert [service.request("GET", route)[0] for route in SCOPES] == [200] * 3
            service.stop()
            output = service.output
    requests = {span.attributes.get("http.route"): span for span in receiver.spans if span.kind == "SERVER"}
    for route, scope in SCOPES.items():
        library = f"opentelemetry.instrumentation.{scope}"
        children = [span for span in receiver.spans if span.scope == library]
        mine = [span for span in children if span.trace_id == requests[route].trace_id]
        queries = [span for span in mine if span.name.lower().startswith("select")]
        assert [span.parent_id for span in queries] == [requests[route].span_id], (route, mine, output)
        assert [span.attributes["db.query.text"] for span in queries] == ["select ?"]
    assert "secret" not in repr(receiver.spans)
