"""The weekly workflow: what runs code has no token, and what has the token runs no code."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Make
from .shell import BIN, PROJECT, commit, git, run
from .versions import NEXT

pytestmark = pytest.mark.slow

WORKFLOW = PROJECT / ".github/workflows/template-update.yml"
TOKEN = "a-token-that-no-hook-may-see"


@pytest.fixture(scope="module")
def jobs() -> Mapping[str, Any]:
    """Return the workflow's jobs."""
    found: Mapping[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return found


def step(job: Mapping[str, Any], name: str) -> str:
    """Return what a step runs in a shell."""
    return next(str(each["run"]) for each in job["steps"] if each["name"] == name)


def runner(temporary: Path, **variables: str) -> dict[str, str]:
    """Return the variables of a runner, and commands that stand in for GitHub's."""
    tools = temporary / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    script = f'#!/bin/sh\necho "$@" >> {temporary}/gh.log\necho "token $GH_TOKEN" >> {temporary}/gh.log\n'
    (tools / "gh").write_text(script)
    (tools / "gh").chmod(0o755)
    paths = {"PATH": f"{tools}:{BIN}:{os.environ['PATH']}", "RUNNER_TEMP": str(temporary / "runner")}
    (temporary / "runner").mkdir(exist_ok=True)
    return paths | {"GITHUB_OUTPUT": str(temporary / "output"), "HOME": str(temporary)} | variables


def shell(folder: Path, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does."""
    return run(folder, "bash", "-e", "-c", script, **variables)


@pytest.fixture
def origin(make: Make, tmp_path: Path) -> Path:
    """Return a bare repository of a service that has something to adopt."""
    service = make()
    bare = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(service), str(bare))
    return bare


def clone(origin: Path, name: str) -> Path:
    """Return a fresh checkout."""
    git(origin.parent, "clone", "-q", str(origin), name)
    return origin.parent / name


def plant(folder: Path, mark: Path) -> None:
    """Leave hooks behind, as a template's own hook could; each writes what it can see."""
    for name in ("pre-commit", "commit-msg", "post-commit", "pre-push", "post-checkout", "applypatch-msg"):
        hook = folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nenv >> {mark}\n")
        hook.chmod(0o755)


def test_only_the_job_without_code_may_write(jobs: Mapping[str, Any]) -> None:
    """The job that runs code may read; it has neither secret nor environment, and no checkout keeps a credential."""
    update, propose = jobs["update"], jobs["propose"]
    assert update["permissions"] == {"contents": "read"}
    assert "environment" not in update
    assert "secrets." not in json.dumps(update) and "github.token" not in json.dumps(update)
    assert propose["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert propose["needs"] == "update"
    text = json.dumps(propose)
    assert "secrets.TEMPLATE_UPDATE_TOKEN" in text
    for word in ("make ", "uv ", "python", "setup-uv"):
        assert word not in text
    checkouts = [each for job in jobs.values() for each in job["steps"] if "actions/checkout@" in each.get("uses", "")]
    assert [each["with"]["persist-credentials"] for each in checkouts] == [False, False]


@pytest.mark.parametrize("conflict", [False, True], ids=["clean", "conflict"])
def test_the_update_arrives_and_no_hook_sees_the_token(
    conflict: bool, jobs: Mapping[str, Any], origin: Path, tmp_path: Path
) -> None:
    """A hook in the first job's clone never runs where the token is, and the branch arrives, conflicts and all."""
    variables = runner(tmp_path)
    if conflict:
        service = clone(origin, "edit")
        file = service / "src/payment_service/telemetry/providers.py"
        file.write_text(file.read_text().replace('"""', '"""Mine: ', 1))
        commit(service)
        git(service, "push", "-q", "origin", "HEAD")
    first = clone(origin, "first")
    mark = tmp_path / "ran"
    plant(first, mark)
    update = step(jobs["update"], "Update").replace("--report", "--without-tests --report")
    for script in (update, step(jobs["update"], "Write the update as a patch")):
        done = shell(first, script, variables)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"result={'conflicts' if conflict else 'updated'}" in (tmp_path / "output").read_text()
    second = clone(origin, "second")
    done = shell(second, step(jobs["propose"], "Open or renew the pull request"), variables | {"OWN": TOKEN})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not mark.exists()
    title = git(origin, "log", "-1", "--format=%s", "template-update").strip()
    assert title == f"{'CONFLICTS in 1: ' if conflict else ''}Update to template {NEXT}"
    said = (tmp_path / "gh.log").read_text()
    assert f"pr create --head template-update --title {title}" in said and f"token {TOKEN}" in said
    git(first, "-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "what the first job had")
    assert git(first, "rev-parse", "HEAD^{tree}") == git(origin, "rev-parse", "template-update^{tree}")
    settings = git(origin, "show", "template-update:src/payment_service/telemetry/providers.py")
    assert ("<<<<<<< yours" in settings) == conflict


def addition(name: str, mode: str = "100755", text: str = "#!/bin/sh") -> str:
    """Return a patch that brings a file."""
    return f"diff --git a/{name} b/{name}\nnew file mode {mode}\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+{text}\n"


@pytest.mark.parametrize(
    "patch",
    [
        addition(".git/hooks/pre-commit"),
        addition(".GIT/hooks/pre-commit"),
        addition("a/.git/hooks/pre-commit"),
        addition("../outside"),
        addition("a/../../outside"),
        addition("/tmp/outside"),
        addition("way", "120000", "..").replace("+..\n", "+..\n\\ No newline at end of file\n")
        + addition("way/outside"),
    ],
    ids=["hook", "upper case", "nested", "up", "in and up", "absolute", "link"],
)
def test_a_patch_that_leaves_the_tree_is_refused(
    patch: str, jobs: Mapping[str, Any], origin: Path, tmp_path: Path
) -> None:
    """A patch into .git, or out of the repository, fails the job before the token is used; nothing is pushed."""
    variables = runner(tmp_path, OWN=TOKEN)
    folder = tmp_path / "runner/update"
    folder.mkdir(parents=True)
    (folder / "update.json").write_text(json.dumps({"title": "t", "body": "b"}))
    (folder / "update.patch").write_text(patch)
    service = clone(origin, "second")
    before = sorted(path for path in service.rglob("*"))
    done = shell(service, step(jobs["propose"], "Open or renew the pull request"), variables)
    assert done.returncode != 0
    assert sorted(path for path in service.rglob("*") if "refs" not in path.parts and "logs" not in path.parts) == [
        path for path in before if "refs" not in path.parts and "logs" not in path.parts
    ]
    assert not (tmp_path / "outside").exists() and not Path("/tmp/outside").exists()
    assert not (tmp_path / "gh.log").exists()
    assert "template-update" not in git(origin, "branch", "--list")


def test_nothing_to_do_proposes_nothing(jobs: Mapping[str, Any], make: Make, tmp_path: Path) -> None:
    """A service that is up to date ends the first job well, and the second does not start."""
    service = make(NEXT)
    variables = runner(tmp_path)
    for name in ("Update", "Write the update as a patch"):
        done = shell(service, step(jobs["update"], name), variables)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == "result=current\n"
    assert jobs["propose"]["if"] == "needs.update.outputs.result != 'current'"
