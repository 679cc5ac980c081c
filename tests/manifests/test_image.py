"""The image: hadolint finds nothing, what is copied is there, signals arrive, the build says its version."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from ..harness.service import clean_environment
from ..rendered.tools import judge
from .table import FRAMEWORKS, WEB

Rendered = Callable[..., Path]


@pytest.fixture(params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, rendered: Rendered) -> Any:
    """Return the service of each framework."""
    return rendered(framework=request.param)


def instructions(project: Path, name: str) -> list[str]:
    """Return the arguments of each instruction of a name."""
    return re.findall(rf"(?m)^{name} (.*)$", (project / "Dockerfile").read_text())


def test_hadolint_finds_nothing(project: Path) -> None:
    """Nothing to find, and nothing told to be overlooked."""
    done = judge(project, "hadolint Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint" not in (project / "Dockerfile").read_text()


def test_a_mistake_is_found(rendered: Rendered, tmp_path: Path) -> None:
    """The shell form, in which signals stop at the shell, does not pass."""
    text = (rendered() / "Dockerfile").read_text()
    changed = re.sub(r"ENTRYPOINT \[\"(.*)\"\]", r"ENTRYPOINT \1", text)
    assert changed != text
    (tmp_path / "Dockerfile").write_text(changed)
    assert "DL3025" in judge(tmp_path, "hadolint Dockerfile").stdout


def test_what_is_copied_is_there(project: Path) -> None:
    """Each file that is copied from the folder is in it, and .dockerignore lets it through; nothing else passes."""
    allowed = {line[1:] for line in (project / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for arguments in instructions(project, "COPY")
        if not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    }
    assert copied - {"uv.lock*"} <= {path.name for path in project.iterdir()}
    assert {name for name in allowed if not any(fnmatch(name, source) for source in copied)} <= {"gunicorn.conf.py"}
    assert all(any(fnmatch(name, source) for name in allowed) for source in copied)


def test_the_service_gets_the_signal_and_is_not_root(project: Path) -> None:
    """The exec form, a user by number, the folder of gunicorn.conf.py, and one image for both stages."""
    assert instructions(project, "ENTRYPOINT") == ['["/app/.venv/bin/payment-service"]']
    assert instructions(project, "USER") == ["10001"]
    assert instructions(project, "WORKDIR") == ["/app", "/app"]
    assert instructions(project, "FROM") == ["${PYTHON} AS build", "${PYTHON}"]
    web = (project / "gunicorn.conf.py").exists()
    assert (instructions(project, "EXPOSE") == ["8000"]) == web
    assert ("gunicorn.conf.py ./" in instructions(project, "COPY")) == web
    assert web == any(f'"{name}>=' in (project / "pyproject.toml").read_text() for name in WEB)


@pytest.mark.slow
@pytest.mark.parametrize(("given", "reported"), [("2.3.4", "2.3.4"), ("", "0.1.0")])
def test_the_build_says_which_version_it_is(given: str, reported: str, rendered: Rendered, tmp_path: Path) -> None:
    """The image's RUN, with --build-arg VERSION, makes the version that telemetry reports; without, pyproject's."""
    project = shutil.copytree(rendered(), tmp_path / "app")
    (command,) = [line for line in instructions(project, "RUN") if "uv sync" in line]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    variables = clean_environment(proxies=True) | {"VERSION": given, "PATH": path, "UV_PYTHON": sys.executable}
    subprocess.run(["sh", "-ec", command], cwd=project, env=variables, check=True, capture_output=True, timeout=300)
    code = "from importlib.metadata import version; print(version('payment-service'))"
    done = subprocess.run(
        [project / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == reported
