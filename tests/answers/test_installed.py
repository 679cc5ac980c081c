"""Answers and what is installed: no name is taken twice, and services with hostile answers install and pass."""

import re
import shutil
import tomllib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from ..harness.service import install, uv
from .hook import NAMES

FREE = NAMES["FREE"][0]
TOML = "pyproject.toml"


def free(names: set[str]) -> set[str]:
    """Return those of the names that a service could still be given, by the shape and by the hook."""
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    return {name for name in names if re.fullmatch(r"[a-z][a-z0-9-]*", name) and FREE(name)}


def test_dependencies_are_taken(rendered: Callable[..., Path], choices: dict[str, list[str]]) -> None:
    """A service cannot have the name of something that its pyproject.toml asks for.

    A dependency may come with a framework and a protocol, or with a deployment; none comes with both.
    """
    names: set[str] = set()
    answers = [
        *({"framework": f, "otlp_protocol": p} for f, p in product(choices["framework"], choices["otlp_protocol"])),
        *({"deployment": deployment} for deployment in choices["deployment"]),
    ]
    for given in answers:
        data = tomllib.loads((rendered(**given) / TOML).read_text())
        wanted = [
            *data["project"]["dependencies"],
            *data["project"].get("optional-dependencies", {}).get("gunicorn", ()),
            *data["dependency-groups"]["dev"],
            *data["build-system"]["requires"],
        ]
        names |= {match[0] for item in wanted if (match := re.match(r"[\w.-]+", str(item)))}
    assert {"opentelemetry-sdk", "pytest", "hatchling"} <= names
    assert free(names) == set()


def test_folders_beside_the_package_are_taken(rendered: Callable[..., Path]) -> None:
    """A package cannot have the name of the service's own importable folders."""
    packages = {path.parent.name for path in rendered().glob("*/__init__.py")}
    assert packages == {"tests"}
    assert free(packages) == set()


def installed(project: Path) -> set[str]:
    """Return the names in an environment: distributions, modules that can be imported, commands."""
    (site,) = project.glob(".venv/lib/python3*/site-packages")
    (own,) = tomllib.loads((project / TOML).read_text())["project"]["scripts"]
    distributions = {path.name.partition("-")[0] for path in site.glob("*.dist-info")}
    modules = {path.name.partition(".")[0] for path in site.iterdir() if path.suffix in {"", ".py", ".so"}}
    modules = {name for name in modules if name.isidentifier()}
    commands = {path.name.partition(".")[0] for path in (project / ".venv" / "bin").iterdir()}
    assert own in commands
    return {name for name in distributions | modules | commands if name.replace("_", "-") != own}


@pytest.mark.slow
def test_installed_names_are_taken(
    tmp_path: Path, rendered: Callable[..., Path], choices: dict[str, list[str]]
) -> None:
    """A service cannot have the name of a distribution, a module or a command in its own environment."""
    names: set[str] = set()
    for values in product(choices["framework"], choices["otlp_protocol"]):
        project = rendered(framework=values[0], otlp_protocol=values[1])
        names |= installed(install(shutil.copytree(project, tmp_path / "-".join(values)), "--all-extras"))
    assert {"celery", "fastapi", "flask", "gunicorn", "redis", "uvicorn", "grpc", "requests", "activate"} <= names
    assert free(names) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    [
        {"project_name": 'The "Pay\\ment" 😀 \u2013 Сервис', "description": 'it\'s "50 %" \\ of {x} 😀 支付 \\'},
        {"project_name": "é" * 200, "description": '"' * 200, "team": "x" * 63, "otlp_protocol": "http"},
        {"project_name": "3D 0x10", "description": "null", "team": "007", "package_name": "match"},
    ],
    ids=["quotes and emoji", "200 letters", "digits"],
)
def test_a_service_with_hostile_answers_works(
    answers: dict[str, str], tmp_path: Path, rendered: Callable[..., Path]
) -> None:
    """`uv sync` installs it, its command runs and its tests pass; its code is a plain service's but for strings."""
    project = rendered(**answers)
    project = install(shutil.copytree(project, tmp_path / project.name))
    for command in ([project.name, "--help"], ["pytest", "-q"]):
        done = uv(project, "run", "--no-sync", *command)
        assert done.returncode == 0, done.stdout
