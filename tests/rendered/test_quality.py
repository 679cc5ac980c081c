"""What a developer's own tools say about a fresh service."""

from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.service import uv
from .tools import judge

pytestmark = pytest.mark.slow


FRAMEWORKS = ("fastapi", "flask", "celery", "worker")


@pytest.fixture(params=[*FRAMEWORKS, "fastapi-http"])
def project(request: pytest.FixtureRequest, projects: Projects) -> Path:
    """Return a service of each framework, installed, and one with the other otlp_protocol."""
    framework, _, protocol = request.param.partition("-")
    return projects(protocol or "grpc", framework)


@pytest.mark.parametrize(
    "command",
    ["ruff check", "ruff format --check", "mypy", "pytest", "pytest -n 2"],
)
def test_a_fresh_service_passes_its_own_checks(project: Path, command: str) -> None:
    """Lint, format, strict types and tests pass as rendered, the tests also in parallel and in any order."""
    done = uv(project, "run", "--no-sync", *command.split())
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "sp-repo-review . --select PY,PP,MY,RF --ignore PY003,PY004,PY006,PY007",
    ],
)
def test_a_fresh_service_passes_the_validators(project: Path, command: str) -> None:
    """What a platform team would check a repository with finds nothing."""
    done = judge(project, command)
    assert done.returncode == 0, done.stdout + done.stderr
