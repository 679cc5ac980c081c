"""The starter in a service: it fetches the template and runs its program, for services of every age."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from update.address import without_credentials
from update.origin import Origin

from ..conftest import ROOT
from .conftest import History, Make, render
from .shell import BIN, PROJECT, commit, git, run, update
from .test_truth import meanwhile
from .versions import CURRENT, NEXT, copy_current, make_next

pytestmark = pytest.mark.slow

# What people made services from before the program moved: the service holds all of it in .template/.
WITH_PROGRAM = Path(__file__).parent / "unreleased" / "0.4.0-with-program.tar.xz"
OWNED = "src/payment_service/telemetry/providers.py"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a template whose history has a version with the program in the service, then the next version."""
    template = tmp_path_factory.mktemp("grown") / "template"
    template.mkdir()
    with tarfile.open(WITH_PROGRAM) as archive:
        archive.extractall(template, filter="data")
    commit(template, "The program is in the service")
    return template


def grow(template: Path) -> None:
    """Let a template have the next version, whose program is in the template."""
    for path in template.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_current(template)
    make_next(template)
    commit(template, "The program is in the template")


@pytest.fixture
def old(grown: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a service that holds the whole program, and its template, which has moved on since."""
    template = tmp_path / "template"
    git(tmp_path, "clone", "-q", str(grown), str(template))
    service = render(template, tmp_path)
    assert (service / ".template/merge.py").exists()
    commit(service)
    grow(template)
    return service, template


def test_a_service_that_holds_the_program_updates_itself(old: tuple[Path, Path]) -> None:
    """Its own program finds the newest one, whose files are then the only ones; the next check finds nothing to do."""
    service, template = old
    arguments = f"ARGS=--template {template} --without-tests"
    done = run(service, "make", "update", arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (service / ".template").iterdir()) == ["answers.json", "update.py"]
    assert (service / ".template/update.py").read_bytes() == (PROJECT / ".template/update.py").read_bytes()
    assert "In the next version" in (service / OWNED).read_text()
    commit(service)
    done = run(service, "make", "update-check")
    assert (done.returncode, "up to date" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_mistake_in_the_program_of_a_service_does_no_harm(old: tuple[Path, Path]) -> None:
    """The newest program does the work, and the edited file of the old one is a conflict with a command for it."""
    service, template = old
    merge = service / ".template/merge.py"
    merge.write_text(merge.read_text() + '\n\ndef merge(*_: str) -> None:\n    raise RefusedError("old")\n')
    commit(service)
    done = update(service, "--template", str(template), "--without-tests")
    assert done.returncode == 1, done.stdout + done.stderr
    assert ".template/merge.py: you edited it, the template deleted it. Keep it: git add" in done.stdout
    assert git(service, "diff", "--name-only", "--diff-filter=U").split() == [".template/merge.py"]


def test_an_older_version_is_adopted_by_the_newest_program(past: History, make: Make) -> None:
    """`--to` names a version before there was any program: the newest one does the work."""
    service = make("0.1.0")
    done = update(service, "--to", past.commits["0.3.0"], "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((service / ".cruft.json").read_text())["commit"] == past.commits["0.3.0"]


def test_a_template_without_a_program_is_refused(past: History, make: Make, tmp_path: Path) -> None:
    """A fork whose newest version is older than the starter is named as such."""
    service = make()
    git(tmp_path, "clone", "-q", str(past.template), str(tmp_path / "fork"))
    git(tmp_path / "fork", "reset", "-q", "--hard", past.commits["0.3.0"])
    done = update(service, "--template", str(tmp_path / "fork"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "the template has no folder `update`: its newest version is too old" in done.stderr
    assert git(service, "status", "--porcelain") == ""


@pytest.mark.parametrize("folder", ["sub", "a/b"])
def test_a_template_in_a_folder_of_its_repository(folder: str, past: History, make: Make, tmp_path: Path) -> None:
    """The record's `directory` says where the template is; its program is found there."""
    fork = tmp_path / "fork"
    (fork / folder).mkdir(parents=True)
    commits = []
    for version in (CURRENT, NEXT):
        archive = subprocess.run(
            ["git", "archive", past.commits[version]], cwd=past.template, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(fork / folder)], input=archive.stdout, check=True)
        commit(fork, version)
        commits.append(git(fork, "rev-parse", "HEAD").strip())
    service = make()
    memory = json.loads((service / ".cruft.json").read_text())
    memory |= {"template": str(fork), "commit": commits[0], "directory": folder}
    (service / ".cruft.json").write_text(json.dumps(memory))
    commit(service)
    done = update(service, "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "In the next version" in (service / OWNED).read_text()


@pytest.mark.parametrize("directory", ["../evil", "../../evil", "EVIL", "update/../../evil"])
def test_no_program_outside_the_template_is_run(directory: str, make: Make, tmp_path: Path) -> None:
    """A `directory` that leads out of the template is refused by the template's own program."""
    mark = tmp_path / "ran"
    program = tmp_path / "evil/update/__main__.py"
    program.parent.mkdir(parents=True)
    program.write_text(f"open({str(mark)!r}, 'w')\n")
    service = make()
    memory = json.loads((service / ".cruft.json").read_text())
    memory["directory"] = directory.replace("EVIL", str(tmp_path / "evil"))
    (service / ".cruft.json").write_text(json.dumps(memory))
    commit(service)
    done = update(service, TMPDIR=str(tmp_path))
    assert (done.returncode, "directory in .cruft.json must be" in done.stderr) == (2, True), done.stderr
    assert not mark.exists()


def test_an_abbreviated_address_is_expanded(past: History, make: Make, tmp_path: Path) -> None:
    """gh:o/r is the repository o/r of GitHub, for the starter as for Cookiecutter."""
    service = make()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text(f'[url "{past.template}"]\ninsteadOf = https://github.com/o/r.git\n')
    done = update(service, "--template", "gh:o/r", "--check", HOME=str(tmp_path / "home"))
    assert (done.returncode, f"-> {NEXT}" in done.stdout) == (1, True), done.stderr


def test_without_git_one_sentence_says_so(make: Make, tmp_path: Path) -> None:
    """The exit status is 2, and no traceback is shown."""
    service = make()
    done = update(service, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "'git'" in done.stderr and "Nothing was changed." in done.stderr and "Traceback" not in done.stderr


def test_credentials_are_never_printed(make: Make, tmp_path: Path) -> None:
    """An address with a password that cannot be reached is refused, without the password."""
    service = make()
    report = tmp_path / "report.json"
    address = "https://someone:s3cr3t@127.0.0.1:1/o/template.git"
    done = update(service, f"--template={address}", "--report", str(report))
    assert (done.returncode, "git clone failed" in done.stderr) == (2, True), done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://someone:s3cr3t@example.com/o/r.git", "https://example.com/o/r.git"),
        ("https://t0ken@example.com:8443/o/r", "https://example.com:8443/o/r"),
        ("https://example.com/o/r@v1", "https://example.com/o/r@v1"),
        ("ssh://git@example.com/o/r", "ssh://git@example.com/o/r"),
        ("git@example.com:o/r.git", "git@example.com:o/r.git"),
        ("/a/folder", "/a/folder"),
    ],
)
def test_credentials_are_not_committed(address: str, kept: str) -> None:
    """.cruft.json gets the address without user, password and token; a user of ssh is a part of it."""
    assert without_credentials(address) == kept
    memory = Origin(address, "", {}, "").remember("1234", {})
    assert json.loads(memory)["template"] == kept


@pytest.mark.parametrize("group", [True, False], ids=["the terminal's Ctrl-C", "a signal to the starter"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals, group: bool, make: Make, tmp_path: Path) -> None:
    """Interrupted while it renders, it says so once, removes its temporary folders and changes nothing."""
    service = make()
    (tmp_path / "tmp").mkdir()
    started = tmp_path / "started"
    variables = meanwhile(tmp_path / "bin", f"touch {started}\nexec sleep 60")
    process = subprocess.Popen(
        [sys.executable, str(service / ".template/update.py"), "--without-tests"],
        cwd=service,
        env=os.environ | variables | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while not started.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert started.exists()
        os.killpg(process.pid, number) if group else process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert said == "make update: interrupted. Nothing was changed.\n"
    assert list((tmp_path / "tmp").iterdir()) == []
    assert git(service, "status", "--porcelain") == ""


def test_the_starter_of_the_template_starts_it_for_older_services(past: History, make: Make) -> None:
    """A service of 0.3.0 has no starter: the template's own, run in its folder, updates it."""
    service = make("0.3.0")
    (program,) = ROOT.glob("*project_slug*/.template/update.py")
    done = run(service, str(BIN / "python"), str(program), "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (service / ".template/update.py").exists()
