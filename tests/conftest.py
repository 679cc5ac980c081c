"""What the tests of the template share: renders, made once, and nothing of the person's own Cookiecutter."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from .harness.certificates import Authority
from .harness.service import install, render

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = ROOT / "pipeline"  # the second template

Projects = Callable[..., Path]


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-cookies render a copy of the template as a fresh clone has it: without what tools left behind."""
    copy = Path(tempfile.mkdtemp(prefix="template-"))
    config.add_cleanup(lambda: shutil.rmtree(copy, ignore_errors=True))
    caches = shutil.ignore_patterns("__pycache__", "*_cache", ".venv")
    for name in ("hooks", "templates", "{{cookiecutter.project_slug}}"):
        shutil.copytree(ROOT / name, copy / name, ignore=caches)
    shutil.copy(ROOT / "cookiecutter.json", copy)
    config.option.template = str(copy)


@pytest.fixture(scope="session", autouse=True)
def _private_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every Cookiecutter, child processes' included, away from the person's defaults, caches and replays."""
    private = tmp_path_factory.mktemp("cookiecutter")
    config = private / "config.yaml"
    config.write_text(json.dumps({"cookiecutters_dir": f"{private}/c", "replay_dir": f"{private}/r"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "COOKIECUTTER_CONFIG", str(config))
        yield


@pytest.fixture(scope="session")
def template(pytestconfig: pytest.Config) -> Path:
    """Return the folder of the template that is rendered."""
    return Path(pytestconfig.option.template)


def renders(cookies: Any, template: Path | None = None) -> Callable[..., Path]:
    """Return a function from answers to the folder rendered from them; each is made once."""
    made: dict[frozenset[tuple[str, str]], Path] = {}

    def render(**answers: str) -> Path:
        key = frozenset(answers.items())
        if key not in made:
            result = cookies.bake(extra_context=answers, template=template and str(template))
            if result.exception:
                raise result.exception
            made[key] = result.project_path
        return made[key]

    return render


@pytest.fixture(scope="session")
def rendered(cookies_session: Any) -> Callable[..., Path]:
    """Return the folder rendered from the answers given, with defaults for the rest; treat it as read-only."""
    return renders(cookies_session)


@pytest.fixture(scope="session")
def pipelines(cookies_session: Any) -> Callable[..., Path]:
    """Return the pipeline rendered from the answers given, with defaults for the rest; treat it as read-only."""
    return renders(cookies_session, PIPELINE)


@pytest.fixture(scope="session")
def choices() -> dict[str, list[str]]:
    """Return what each choice of cookiecutter.json offers."""
    answers = json.loads((ROOT / "cookiecutter.json").read_text())
    return {name: values for name, values in answers.items() if isinstance(values, list) and name[0] != "_"}


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """Return a function from an otlp_protocol, and a framework, to that service, installed; each is made once."""

    lock = Lock()

    @cache
    def installed(protocol: str, framework: str) -> Path:
        project = render(tmp_path_factory.mktemp(protocol), otlp_protocol=protocol, framework=framework)
        return install(project, "--all-extras")

    def project(protocol: str, framework: str = "fastapi") -> Path:
        with lock:  # two threads that ask for the same service must not both install it
            return installed(protocol, framework)

    return project


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> Any:
    """Name each value of otlp_protocol in turn."""
    return request.param


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority whose certificates are good for this session."""
    return Authority(tmp_path_factory.mktemp("certificates"))
