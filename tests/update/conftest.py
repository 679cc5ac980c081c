"""The template's whole history and a service of each version, made once."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from cookiecutter.main import cookiecutter

from .shell import commit, git
from .versions import CURRENT, NEXT, VERSIONS, history

Make = Callable[..., Path]


class History(NamedTuple):
    """The template's repository, the commit of each version, and the pristine render of each, by protocol."""

    template: Path
    commits: Mapping[str, str]
    renders: Mapping[tuple[str, str], Path]


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return all versions, past, current and next, as a repository and as renders."""
    folder = tmp_path_factory.mktemp("versions")
    template, commits = history(folder / "template")
    renders = {}
    for version in [*VERSIONS, NEXT]:
        tree = folder / version
        git(template, "worktree", "add", "-q", "--detach", str(tree), commits[version])
        for protocol in ("grpc", "http") if version == NEXT else ("grpc",):
            renders[version, protocol] = render(tree, folder / f"{version}-{protocol}", otlp_protocol=protocol)
    return History(template, commits, renders)


def render(template: Path, into: Path, **answers: str) -> Path:
    """Render a version as plain Cookiecutter does."""
    return Path(cookiecutter(str(template), no_input=True, output_dir=str(into), extra_context=answers))


def remembered(past: History, version: str) -> str:
    """Return the .cruft.json of a service of a version."""
    questions = git(past.template, "show", f"{past.commits[version]}:cookiecutter.json")
    asked = {name: value for name, value in json.loads(questions).items() if name[0] != "_"}
    answers = {name: value[0] if isinstance(value, list) else value for name, value in asked.items()}
    answers |= {"project_slug": "payment-service", "package_name": "payment_service"}
    memory = {"template": str(past.template), "commit": past.commits[version], "checkout": None}
    return json.dumps(memory | {"context": {"cookiecutter": answers}, "directory": None}, indent=2) + "\n"


@pytest.fixture
def make(past: History, tmp_path: Path) -> Make:
    """Return a function that makes a committed service of a version, with cruft's memory or without."""

    def make(version: str = CURRENT, memory: bool = True) -> Path:
        service = tmp_path / "payment-service"
        shutil.copytree(past.renders[version, "grpc"], service)
        if memory:
            (service / ".cruft.json").write_text(remembered(past, version))
        commit(service)
        return service

    return make
