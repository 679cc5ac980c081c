"""From every past version, over every edit: nothing is lost, and the exit status is true."""

import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.ahead import Ahead, ahead
from .conftest import History, remembered
from .edits import EDITS, MINE, Sides
from .shell import WAY_BACK, commit, git, run, update
from .versions import NEXT, VERSIONS

pytestmark = pytest.mark.slow

Case = tuple[str, str]  # version, edit
CASES: list[Case] = list(product(VERSIONS, EDITS))
OWNED = ("src/payment_service/telemetry/", "tests/telemetry/", ".template/", "deploy/collector/", "gunicorn.conf.py")
MARKER = re.compile(rb"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)

Files = dict[str, tuple[str, bytes]]


def files(folder: Path) -> Files:
    """Return each file's kind and content, Git's own aside."""
    found: Files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path).encode())
        elif path.is_file() and name.partition("/")[0] != ".git":
            found[name] = ("run" if path.stat().st_mode & 0o100 else "file", path.read_bytes())
    return found


@dataclass
class Outcome:
    """What was there before an update, and what came of it."""

    sides: Sides
    before: Files
    after: Files
    status: int
    output: str
    report: dict[str, object]
    unmerged: set[str]
    back: Files
    strays: list[str]
    inside: tuple[str, str] = ("", "")  # what Git itself keeps: references and worktrees, before and after


def outcome(past: History, scratch: Path, version: str, name: str) -> Outcome:
    """Make the service, edit and commit it, update it, look, and take the update back."""
    edit = EDITS[name]
    protocol = next((answer.partition("=")[2] for answer in edit.answers if "otlp" in answer), "grpc")
    folder = scratch / re.sub(r"\W", "-", f"{version}-{name}")
    service, temporary = folder / "payment-service", folder / "tmp"
    shutil.copytree(past.renders[version, "grpc"], service)
    temporary.mkdir()
    (service / ".cruft.json").write_text(remembered(past, version))
    commit(service, "made")
    sides = Sides(service, past.renders[version, "grpc"], past.renders[NEXT, protocol])
    edit.do(sides)
    commit(service, "edited")
    before, inside = files(service), git(service, "for-each-ref") + git(service, "worktree", "list")
    report = folder / "report.json"
    arguments = [*edit.answers, "--without-tests", "--report", str(report)]
    done = update(service, *arguments, TMPDIR=str(temporary))
    after = files(service)
    unmerged = set(git(service, "diff", "--name-only", "--diff-filter=U").splitlines())
    inside_after = git(service, "for-each-ref") + git(service, "worktree", "list")
    assert run(service, *WAY_BACK.split()).returncode == 0
    assert git(service, "status", "--porcelain") == ""
    return Outcome(
        sides,
        before,
        after,
        done.returncode,
        done.stdout + done.stderr,
        json.loads(report.read_text()),
        unmerged,
        files(service),
        [str(path.relative_to(temporary)) for path in temporary.rglob("*")],
        (inside, inside_after),
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all services."""
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def outcomes(past: History, scratch: Path, request: pytest.FixtureRequest) -> Iterator[Ahead[Outcome]]:
    """Return a function from a case to what came of it; two of the selected cases run at a time."""
    with ahead(request, ("case",), lambda case: outcome(past, scratch, *case), at_once=2) as outcomes:
        yield outcomes


each_case = pytest.mark.parametrize("case", CASES, ids="-".join)


def test_there_are_sixty_cases() -> None:
    """Every past version and every edit make at least sixty cases."""
    assert len(set(CASES)) == len(CASES) >= 60


@each_case
def test_the_exit_status_is_true(case: Case, outcomes: Ahead[Outcome]) -> None:
    """It is 0 only where nothing is left to settle; what is to settle is exactly what was expected, and what Git knows."""
    got, edit = outcomes(case), EDITS[case[1]]
    settle = edit.settle(got.sides)
    without_tests = case[1] == "telemetry tests deleted"  # the tests are somebody else's here
    assert got.status == (0 if without_tests else int(bool(settle)) if edit.status is None else edit.status), got.output
    assert (set(got.report["settle"]), got.unmerged) == (settle, settle), got.output  # type: ignore[call-overload]
    marked = {name for name, (_, data) in got.after.items() if MARKER.search(data)}
    assert marked <= settle
    assert [name for name in got.after if name.endswith((".rej", ".orig"))] == []
    assert all(name in got.output for name in settle)


@each_case
def test_no_line_is_lost(case: Case, outcomes: Ahead[Outcome]) -> None:
    """Each line that the user wrote is in a file, or in a conflict that was announced; so is each file that is no text."""
    got = outcomes(case)
    lines = {name: Counter(data.splitlines()) for name, (_, data) in got.after.items()}
    pristine = {str(path.relative_to(got.sides.old)): path for path in got.sides.old.rglob("*") if path.is_file()}
    all_lines = Counter(line for path in pristine.values() for line in path.read_bytes().splitlines())
    for name, (kind, data) in got.before.items():
        if name == ".cruft.json":
            continue
        if b"\0" in data or kind == "link":
            assert (kind, data) in got.after.values(), name
            continue
        base = Counter(pristine[name].read_bytes().splitlines()) if name in pristine else all_lines  # or moved here
        written = Counter(data.splitlines()) - base
        kept = lines.get(name, Counter())
        for other in lines if written - kept else ():
            kept = kept + lines[other]  # moved by the template: anywhere
        assert not written - kept, (name, written - kept)
    mine = MINE.encode()
    assert sum(data.count(mine) for _, data in got.after.values()) >= sum(d.count(mine) for _, d in got.before.values())


@each_case
def test_what_was_deleted_stays_so_and_is_told(case: Case, outcomes: Ahead[Outcome]) -> None:
    """No file comes back; where the template changed it, or followed it to its new place, that is said."""
    got, edit = outcomes(case), EDITS[case[1]]
    assert [name for name in edit.gone(got.sides) if (name in got.before) or (name in got.after)] == []
    for told in edit.told(got.sides):
        assert any(line.startswith(told) for line in got.report["told"]), got.output  # type: ignore[attr-defined]
        assert f"note: {told}" in got.output


@pytest.mark.parametrize(
    "case", [case for case in CASES if EDITS[case[1]].status != 2 and case[1] != "team changed"], ids="-".join
)
def test_owned_files_that_nobody_edited_are_the_new_ones(case: Case, outcomes: Ahead[Outcome]) -> None:
    """The template's own files never conflict unless somebody edited them: they are, byte for byte, those of a new service."""
    got = outcomes(case)
    old, new = files(got.sides.old), files(got.sides.new)
    names = {name for name in old.keys() | new.keys() if name.startswith(OWNED)}
    untouched = {name for name in names if got.before.get(name) == old.get(name)}
    assert len(untouched) > 10
    assert {name: got.after.get(name) for name in untouched} == {name: new.get(name) for name in untouched}


@each_case
def test_the_way_back_leads_back(case: Case, outcomes: Ahead[Outcome]) -> None:
    """The command that is shown restores every byte and mode, and nothing was left anywhere, Git's own folder included."""
    got = outcomes(case)
    assert got.back == got.before
    assert got.strays == []
    assert got.inside[0] == got.inside[1]
    assert set(got.after) - set(got.before) <= set(files(got.sides.new)) | {".cruft.json"} | got.unmerged
    assert (WAY_BACK in got.output) == (got.status != 2)
    if got.status == 2:
        assert got.after == got.before


@each_case
def test_modes_and_line_ends_are_the_users(case: Case, outcomes: Ahead[Outcome]) -> None:
    """What was made executable, a link or CRLF still is."""
    got = outcomes(case)
    for name, (kind, data) in got.before.items():
        if name in got.after and name not in got.unmerged:
            assert got.after[name][0] == kind, name
            if data.count(b"\r\n") == data.count(b"\n") > 0:
                after = got.after[name][1]
                assert after.count(b"\r\n") == after.count(b"\n") > 0, name


@pytest.fixture(scope="module")
def tested(projects: Projects) -> Callable[[Outcome, str], str]:
    """Return a function that runs an updated service's telemetry tests; the same telemetry is tested once."""
    verdicts: dict[str, str] = {}

    def test(got: Outcome, protocol: str, folder: Path) -> str:
        code = {name: got.after[name] for name in got.after if re.match(r"(src|tests|pyproject)", name)}
        telemetry = sorted((name, each) for name, each in code.items() if "telemetry/" in name or "/" not in name)
        key = hashlib.sha256(repr(telemetry).encode()).hexdigest()
        if key not in verdicts:
            for name, (_, data) in code.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
            python = str(projects(protocol) / ".venv/bin/python")
            command = [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/telemetry"]
            done = run(folder, *command, PYTHONPATH=str(folder / "src"))
            verdicts[key] = "" if done.returncode == 0 else done.stdout + done.stderr
        return verdicts[key]

    return lambda got, protocol: test(got, protocol, got.sides.service.parent / "tested")


@each_case
def test_telemetry_tests_pass_afterwards(
    case: Case, outcomes: Ahead[Outcome], tested: Callable[[Outcome, str], str]
) -> None:
    """A service that was updated with status 0 passes the telemetry tests of the new version."""
    got = outcomes(case)
    if got.status == 0 and case[1] != "telemetry tests deleted":
        assert tested(got, "http" if case[1] == "protocol changed" else "grpc") == ""


@each_case
def test_the_report_and_the_memory_name_the_new_version(case: Case, past: History, outcomes: Ahead[Outcome]) -> None:
    """What a machine reads says from where to where, and the service remembers it."""
    got = outcomes(case)
    if got.status != 2:
        assert got.report["from"]["commit"] == past.commits[case[0]]  # type: ignore[index]
        assert got.report["to"] == {"version": NEXT, "commit": past.commits[NEXT]}
        assert json.loads(got.after[".cruft.json"][1])["commit"] == past.commits[NEXT]
