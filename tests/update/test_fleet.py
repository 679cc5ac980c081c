"""`python3 -m fleet`: fifty repositories by one command, in minutes, and nothing pushed without being told to."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT
from .conftest import History, remembered
from .edits import MINE, TELEMETRY
from .shell import BIN, commit, git, run
from .versions import CURRENT, NEXT, VERSIONS

pytestmark = pytest.mark.slow
COUNT = 50


def fleet(past: History, *arguments: str) -> Any:
    """Run the command as a platform team does, in the template's folder; the services have another template."""
    return run(ROOT, str(BIN / "python"), "-m", "fleet", *arguments, "--template", str(past.template))


@pytest.fixture(scope="module")
def services(past: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the list of fifty repositories: of every version, one with a conflict, one not Git's, one up to date."""
    folder = tmp_path_factory.mktemp("fleet")
    names = []
    for version in [*VERSIONS, NEXT]:
        service = folder / f"made-{version}"
        shutil.copytree(past.renders[version, "grpc"], service)
        (service / ".cruft.json").write_text(remembered(past, version))
        commit(service)
    for number in range(COUNT):
        version = VERSIONS[number % len(VERSIONS)]
        name = f"service-{number:02d}"
        if number == COUNT - 1:
            (folder / name).mkdir()
        else:
            source = folder / f"made-{NEXT if number == COUNT - 2 else CURRENT if number == 0 else version}"
            git(folder, "clone", "-q", str(source), name)
            git(folder / name, "checkout", "-q", "-B", "work")
        names.append(name)
    file = folder / "service-00" / TELEMETRY / "providers.py"
    file.write_text(file.read_text().replace('"""', f'"""{MINE}: ', 1))
    commit(folder / "service-00")
    (folder / "services.txt").write_text(
        "# all of ours\n\n" + "\n".join([*names[:1], f"{names[1]}  # twice", *names[1:]]) + "\n"
    )
    return folder / "services.txt"


def references(services: Path) -> list[str]:
    """Return what all repositories have: branches, commits, changes."""
    folders = sorted(path for path in services.parent.glob("service-*") if (path / ".git").exists())
    return [git(folder, "for-each-ref") + git(folder, "status", "--porcelain") for folder in folders]


def test_fifty_repositories_within_two_minutes(past: History, services: Path, tmp_path: Path) -> None:
    """`update` gets through fifty local repositories, with progress, a table and a report, and touches none of them."""
    before, began = references(services), time.monotonic()
    cpu = sum(os.times()[2:4])
    arguments = ("--into", str(tmp_path / "clones"), "--report", str(tmp_path / "report.json"))
    done = fleet(past, "update", str(services), *arguments)
    seconds, busy = time.monotonic() - began, sum(os.times()[2:4]) - cpu
    assert done.returncode == 1, done.stdout + done.stderr
    print(f"\n{COUNT} updates took {seconds:.0f} s, {busy:.0f} s of them processor time")
    assert busy / 2 < 120  # on two quiet cores; this machine may be busy with something else
    assert references(services) == before
    rows = {Path(row["repository"]).name: row for row in json.loads((tmp_path / "report.json").read_text())}
    assert len(rows) == COUNT
    results = {name: row["result"] for name, row in rows.items()}
    last = COUNT - 1
    special = {"service-00": "conflicts", f"service-{last - 1}": "current", f"service-{last}": "failed"}
    assert results == dict.fromkeys(rows, "updated") | special
    assert [*rows["service-00"]["settle"]] == [f"{TELEMETRY}/providers.py"]
    assert {row["pushed"] for row in rows.values() if "pushed" in row} == {False}
    assert {(row["version"], row["behind"]) for row in rows.values() if row["result"] == "current"} == {(NEXT, 0)}
    assert rows["service-01"]["behind"] == len(VERSIONS) - 1
    for number in range(1, COUNT + 1):
        assert f"[{number:2}/{COUNT}] " in done.stdout
    table = [line.split() for line in done.stdout.splitlines() if line.startswith(str(services.parent))]
    assert len(table) == COUNT
    assert "2 need a person; 0 pushed (no --push)" in done.stdout
    clone = tmp_path / "clones/001-service-00/clone"
    assert git(clone, "log", "-1", "--format=%s").strip() == f"CONFLICTS in 1: Update to template {NEXT}"
    assert git(clone, "branch", "--show-current").strip() == "template-update"


def test_check_says_who_is_behind(past: History, services: Path, tmp_path: Path) -> None:
    """`check` changes nothing and exits with 1 while any is behind, with 0 where none is."""
    few = services.parent / "few.txt"
    few.write_text("service-01\nservice-48\n")
    done = fleet(past, "check", str(few), "--report", str(tmp_path / "report.json"))
    assert done.returncode == 1, done.stdout + done.stderr
    rows = json.loads((tmp_path / "report.json").read_text())
    assert [(row["version"] != "?", row["result"]) for row in rows] == [(True, "behind"), (True, "current")]
    few.write_text("service-48\n")
    assert fleet(past, "check", str(few)).returncode == 0


def test_push_sends_one_branch(past: History, services: Path, tmp_path: Path) -> None:
    """Told to, it pushes the branch template-update, and no other; a second time it renews it."""
    few = tmp_path / "few.txt"
    few.write_text(f"{services.parent / 'service-02'}\n{services.parent / 'service-48'}\n")
    service = services.parent / "service-02"
    before = set(git(service, "for-each-ref", "--format=%(refname) %(objectname)").splitlines())
    for _ in range(2):
        done = fleet(past, "update", str(few), "--push")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 need a person; 1 pushed" in done.stdout
    after = set(git(service, "for-each-ref", "--format=%(refname) %(objectname)").splitlines())
    assert before <= after
    assert [line.split()[0] for line in after - before] == ["refs/heads/template-update"]
    memory = json.loads(git(service, "show", "template-update:.cruft.json"))
    assert memory["commit"] == past.commits[NEXT]
