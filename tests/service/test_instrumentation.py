"""What is installed becomes active, when its library is imported and in whatever order that happens."""

import subprocess

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
