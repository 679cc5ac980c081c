"""A newer version of the template reaches a pipeline that people have edited, by the commands of its README."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ..conftest import PIPELINE
from ..update.shell import git, run

EDIT = "      - KEEP_PERCENT=25\n"


def commands(readme: str, after: str) -> list[str]:
    """Return the commands of the first console block after a text."""
    block = readme[readme.index(after) :].partition("```console\n")[2].partition("```")[0]
    return [line.removeprefix("$ ").partition("  #")[0] for line in block.splitlines()]


def test_edits_stay_and_the_new_version_comes(tmp_path: Path, pipelines: Callable[..., Path]) -> None:
    """The README's commands keep an edit, bring a changed and a new file, and remove one that the template dropped."""
    project = tmp_path / "otel-pipeline"
    shutil.copytree(pipelines(backend_endpoint="backend:4317"), project)
    readme = (project / "README.md").read_text()
    for command in commands(readme, "## Upgrade"):
        assert run(project, "sh", "-ec", command).returncode == 0, command
    kustomization = project / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text() + EDIT)
    git(project, "commit", "-qam", "Keep more")

    newer = tmp_path / "newer"
    shutil.copytree(PIPELINE, newer / "pipeline")
    (source,) = (newer / "pipeline").glob("*pipeline_slug*")
    (source / "NEWS.md").write_text("New.\n")
    alerts = source / "alerts.yaml"
    alerts.write_text(alerts.read_text().replace("for: 5m", "for: 6m"))
    (source / "options/target/kubernetes/manifests/network-policies.yaml").unlink()
    settings = tmp_path / "config.yaml"
    settings.write_text(json.dumps({"cookiecutters_dir": f"{tmp_path}/c", "replay_dir": f"{tmp_path}/r"}))
    cookiecutter = f"{sys.executable} -m cookiecutter"
    for command in commands(readme, "To upgrade,"):
        command = command.replace("uvx cookiecutter TEMPLATE", f"{cookiecutter} {newer}")
        done = run(project, "sh", "-ec", command, COOKIECUTTER_CONFIG=str(settings))
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    assert git(project, "branch", "--show-current") == "main\n"
    assert kustomization.read_text().endswith(EDIT)
    assert "BACKEND_ENDPOINT=backend:4317" in kustomization.read_text()
    assert (project / "NEWS.md").exists()
    assert "for: 6m" in (project / "alerts.yaml").read_text()
    assert not (project / "manifests/network-policies.yaml").exists()
    assert git(project, "status", "--porcelain") == ""


def test_the_command_repeats_every_answer(pipelines: Callable[..., Path]) -> None:
    """The upgrade's command names each answer with the value that was given."""
    answers = {
        "pipeline_slug": "telemetry",
        "target": "systemd",
        "backend_endpoint": "b:1",
        "backend_authentication": "mtls",
    }
    readme = (pipelines(**answers) / "README.md").read_text()
    (command,) = [line for line in commands(readme, "To upgrade,") if "cookiecutter" in line]
    assert dict(re.findall(r" (\w+)=(\S+)", command)) == answers
