"""The image: hadolint finds nothing, what is copied is there, signals arrive, and versions are those of uv.lock."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from ..harness.service import clean_environment, uv
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


def build(project: Path, version: str = "") -> subprocess.CompletedProcess[str]:
    """Run what the image runs to install the service, in a folder in the place of the image."""
    (command,) = [line for line in instructions(project, "RUN") if "uv sync" in line]
    (settings,) = [line for line in instructions(project, "ENV") if "UV_" in line]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    variables = dict(word.split("=") for word in settings.split())
    variables |= clean_environment(proxies=True) | {"VERSION": version, "PATH": path, "UV_PYTHON": sys.executable}
    return subprocess.run(
        ["sh", "-ec", command], cwd=project, env=variables, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def locked(rendered: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service with its uv.lock."""
    project = shutil.copytree(rendered(), tmp_path_factory.mktemp("locked") / "app")
    done = uv(project, "lock", "--python", sys.executable)
    assert done.returncode == 0, done.stdout
    return project


@pytest.mark.slow
@pytest.mark.parametrize(("given", "reported"), [("2.3.4", "2.3.4"), ("", "0.1.0")])
def test_the_build_says_which_version_it_is(given: str, reported: str, locked: Path, tmp_path: Path) -> None:
    """The image's RUN, with --build-arg VERSION, makes the version that telemetry reports; without, pyproject's."""
    project = shutil.copytree(locked, tmp_path / "app")
    done = build(project, given)
    assert done.returncode == 0, done.stderr
    code = "from importlib.metadata import version; print(version('payment-service'))"
    reports = subprocess.run(
        [project / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert reports.stdout.strip() == reported
    assert not (project / ".venv/bin/pytest").exists()
    assert list((project / ".venv").glob("lib/*/site-packages/payment_service/app.py"))  # it needs no src/


@pytest.mark.slow
def test_a_stale_lock_fails_the_build(locked: Path, tmp_path: Path) -> None:
    """A dependency that uv.lock does not know is not resolved in the build, which fails and says what to do."""
    project = shutil.copytree(locked, tmp_path / "app")
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"httpx>=', '"iniconfig>=2",\n  "httpx>='))
    lock = (project / "uv.lock").read_bytes()
    done = build(project)
    assert done.returncode != 0
    assert "uv lock" in done.stderr
    assert (project / "uv.lock").read_bytes() == lock


@pytest.mark.slow
def test_a_missing_lock_fails_the_build(rendered: Rendered, tmp_path: Path) -> None:
    """Without a uv.lock nothing is installed, and the build says how to make one."""
    project = shutil.copytree(rendered(), tmp_path / "app")
    done = build(project)
    assert done.returncode != 0
    assert "uv lock" in done.stderr
    assert not (project / "uv.lock").exists()
