"""The cluster's pipeline leaves the services that hold it: an update deletes what nobody edited, and tells the rest."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cookiecutter.main import cookiecutter

from .conftest import Make
from .shell import commit, git, update
from .versions import copy_current, past

pytestmark = pytest.mark.slow

# Where the files of a pipeline were in a service that was made between 0.3.0 and 0.4.0.
MOVED = {
    "collector/gateway.yaml": "deploy/collector/gateway.yaml",
    "alerts.yaml": "deploy/collector/alerts.yaml",
    "kustomization.yaml": "deploy/pipeline/kustomization.yaml",
    "manifests/agent.yaml": "deploy/pipeline/agent.yaml",
    "manifests/gateway.yaml": "deploy/pipeline/gateway.yaml",
    "manifests/namespace.yaml": "deploy/pipeline/namespace.yaml",
    "manifests/network-policies.yaml": "deploy/pipeline/network-policies.yaml",
}
EDITED = "deploy/pipeline/kustomization.yaml"  # whoever runs the pipeline has written the backend's address there


class Between(NamedTuple):
    """A template whose last commit took the pipeline out of the services, and a service from the commit before."""

    service: Path
    template: Path


@pytest.fixture
def between(tmp_path: Path, pipelines: Callable[..., Path]) -> Between:
    """Make the template and the service; the service remembers the template and its commit."""
    template = tmp_path / "template"
    template.mkdir()
    copy_current(template)
    room = template / "{{cookiecutter.project_slug}}" / "options/deployment/kubernetes"
    for source, target in MOVED.items():
        (room / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pipelines() / source, room / target)
    commit(template, "A service holds the pipeline")
    service = Path(cookiecutter(str(template), no_input=True, output_dir=str(tmp_path)))
    answers = json.loads((service / ".template/answers.json").read_text())["answers"]
    memory = {
        "template": str(template),
        "commit": git(template, "rev-parse", "HEAD").strip(),
        "checkout": None,
        "context": {"cookiecutter": answers},
        "directory": None,
    }
    (service / ".cruft.json").write_text(json.dumps(memory, indent=2) + "\n")
    for target in MOVED.values():
        (room / target).unlink()
    commit(template, "The pipeline leaves")
    return Between(service, template)


def left(service: Path) -> set[str]:
    """Return the files of the pipeline that are in the service."""
    return {target for target in MOVED.values() if (service / target).exists()}


def test_what_nobody_edited_goes(between: Between) -> None:
    """Every file of the pipeline is deleted and listed; the agent's stays, and the README says where the rest is."""
    service = between.service
    commit(service)
    assert left(service) == set(MOVED.values())
    done = update(service, "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(service) == set()
    assert [target for target in MOVED.values() if f"  D {target}\n" not in done.stdout] == []
    assert (service / "deploy/collector/agent.yaml").exists()
    assert "--directory pipeline" in (service / "deploy/README.md").read_text()


def test_what_was_edited_stays_and_is_told(between: Between, tmp_path: Path) -> None:
    """The edited file keeps its bytes, and the update exits with 1 and says how to keep or delete it."""
    service = between.service
    file = service / EDITED
    file.write_text(file.read_text().replace("backend.example.com", "traces.internal"))
    commit(service)
    before = file.read_bytes()
    report = tmp_path / "report.json"
    done = update(service, "--without-tests", "--report", str(report))
    assert done.returncode == 1, done.stdout + done.stderr
    assert left(service) == {EDITED}
    assert file.read_bytes() == before
    settle = json.loads(report.read_text())["settle"]
    assert settle.keys() == {EDITED}
    assert settle[EDITED].startswith("you edited it, the template deleted it.")
    assert f"git rm {EDITED}" in done.stdout


@pytest.mark.parametrize("version", past())
def test_a_released_service_gets_none_of_it(version: str, make: Make) -> None:
    """An update from a released version brings no file of the pipeline, and its changelog says where to find it."""
    service = make(version)
    done = update(service, "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(service) == set()
    assert "no longer in a service" in done.stdout
    assert "--directory pipeline" in done.stdout
