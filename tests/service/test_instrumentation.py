"""What is installed becomes active, when its library is imported and in whatever order that happens."""

import subprocess
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.service import clean_environment

pytestmark = pytest.mark.slow

PROGRAM = """
from payment_service import telemetry
{before}
telemetry.configure()
import sys
print("httpx" in sys.modules)
{after}
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
print(HTTPXClientInstrumentor().is_instrumented_by_opentelemetry)
print(HTTPX2ClientInstrumentor().is_instrumented_by_opentelemetry)
"""


@pytest.mark.parametrize(
    ("before", "after", "imported"),
    [
        ("", "import httpx", False),
        ("", "import httpx2", False),
        ("", "from httpx import Client; import httpx2", False),
        ("import httpx", "", True),
        ("import httpx2, httpx", "", True),
    ],
)
def test_libraries_that_share_an_instrumentation(before: str, after: str, imported: bool, projects: Projects) -> None:
    """httpx and httpx2 have one instrumentation, which imports both; configure() imports neither, and both work."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", PROGRAM.format(before=before, after=after)],
        env=clean_environment() | {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-3:] == [str(imported), "True", "True"]


def run(projects: Projects, program: str, **variables: str) -> list[str]:
    """Run a program by the service's Python; return the lines that it printed."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", program],
        env=clean_environment() | {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_an_import_starts_nothing(projects: Projects) -> None:
    """Before configure() libraries are wrapped, and there is no thread and no provider: a server may fork then."""
    program = """
import payment_service, httpx, threading
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from payment_service.telemetry import providers
print(HTTPXClientInstrumentor().is_instrumented_by_opentelemetry, threading.active_count(), providers.installed())
"""
    assert run(projects, program) == ["True 1 {}"]


def test_a_service_without_telemetry_wraps_nothing(projects: Projects) -> None:
    """With OTEL_SDK_DISABLED libraries stay as they are."""
    program = """
import payment_service, httpx
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
print(HTTPXClientInstrumentor().is_instrumented_by_opentelemetry)
"""
    assert run(projects, program, OTEL_SDK_DISABLED="true") == ["False"]


def test_what_cannot_be_wrapped_is_told_as_a_log_line(projects: Projects, tmp_path: Path) -> None:
    """An instrumentation that fails while app.py is imported is one ERROR of the service, when log lines are set up."""
    metadata = tmp_path / "broken-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[opentelemetry_instrumentor]\nbroken = broken:Instrumentor\n")
    (tmp_path / "broken.py").write_text("def Instrumentor():\n    raise ValueError('it is broken')\n")
    program = """
import payment_service, broken
print("imported")
payment_service.telemetry.configure()
"""
    lines = run(projects, program, PYTHONPATH=str(tmp_path))
    assert lines[0] == "imported"
    (told,) = [line for line in lines if "broken cannot start" in line]
    assert " ERROR payment_service.telemetry.instrumentation: instrumentation broken cannot start" in told
    assert lines[-1] == "ValueError: it is broken"


def test_a_package_that_is_not_installed_serves(projects: Projects) -> None:
    """With the source on the path and no package installed, as `uv sync --no-install-project` leaves it: one WARNING."""
    program = """
import importlib.metadata
version = importlib.metadata.version
def without_service(name):
    if name == "payment-service":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = without_service
from payment_service import telemetry
telemetry.configure()
print(telemetry.resource.build().attributes["service.version"])
"""
    *lines, version = run(projects, program)
    assert version == "unknown"
    assert "payment-service is not installed as a package: service.version is unknown" in "".join(lines)
