"""`make update`, as a person types it: the whole of it, tests included, and what it refuses."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import History, Make, render
from .edits import MINE
from .shell import WAY_BACK, commit, git, run, update
from .versions import CURRENT, NEXT

pytestmark = pytest.mark.slow

SETTINGS = "src/payment_service/telemetry/providers.py"


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_whole_of_it(past: History, make: Make) -> None:
    """It shows versions, changelog and files, merges, runs the telemetry tests with what is needed, and leaves nothing else."""
    service = make()
    edit(service / "src/payment_service/transactions.py", "log = ", f"# {MINE}\nlog = ")
    commit(service)
    before = set(git(service, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory").splitlines())
    done = run(service, "make", "update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"template {CURRENT} ({past.commits[CURRENT][:7]}) -> {NEXT} ({past.commits[NEXT][:7]}), 1 commits"
        in done.stdout
    )
    assert f"## {NEXT}" in done.stdout and f"## {CURRENT}" not in done.stdout
    assert f"M {SETTINGS}" in done.stdout
    assert "uv run --quiet pytest" in done.stdout and re.search(r"\d+ passed", done.stdout)
    assert "telemetry tests: passed" in done.stdout
    assert "In the next version" in (service / SETTINGS).read_text()
    assert MINE in (service / "src/payment_service/transactions.py").read_text()
    assert git(service, "ls-files", "--others", "--exclude-standard") == ""
    after = set(git(service, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory").splitlines())
    assert after - before == {".venv/"}
    commit(service)
    again = run(service, "make", "update-check")
    assert (again.returncode, "up to date" in again.stdout) == (0, True), again.stdout + again.stderr


def test_failing_telemetry_tests_are_no_success(make: Make) -> None:
    """Where nothing conflicts but the telemetry tests fail, the exit status is 1 and the last lines say so."""
    service = make()
    edit(
        service / "tests/telemetry/test_configure.py",
        "def test_",
        "def test_that_fails() -> None:\n    assert False\n\n\ndef test_",
    )
    commit(service)
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert "test_that_fails" in done.stdout
    assert "the telemetry tests do not pass: exit status 1" in done.stdout
    assert f"to undo the update: {WAY_BACK}" in done.stdout


def test_a_conflict_stops_a_commit(make: Make) -> None:
    """Git itself refuses to commit a conflict before it is settled; settled, the next update finds nothing to do."""
    service = make()
    edit(service / SETTINGS, '"""', f'"""{MINE}: ')
    commit(service)
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert f"{SETTINGS}: both sides changed it" in done.stdout
    assert run(service, "git", "commit", "-m", "too early").returncode != 0
    text = (service / SETTINGS).read_text()
    assert "<<<<<<< yours\n" in text and f">>>>>>> template {NEXT}\n" in text
    (service / SETTINGS).write_text(re.sub(r"<<<<<<< .*\n((?:.*\n)*?)=======\n(?:.*\n)*?>>>>>>> .*\n", r"\1", text))
    commit(service)
    assert update(service, "--check").returncode == 0


def test_check_changes_nothing(make: Make) -> None:
    """`make update-check` shows the same, changes nothing, and exits otherwise than 0 while there is something to adopt."""
    service = make()
    done = run(service, "make", "update-check")
    assert done.returncode != 0
    assert f"-> {NEXT}" in done.stdout and f"M {SETTINGS}" in done.stdout
    assert git(service, "status", "--porcelain", "--ignored") == ""


def test_a_dirty_tree_is_refused(make: Make) -> None:
    """What is not committed could not be taken back: nothing is done, and what stands in the way is named."""
    service = make()
    (service / "notes.txt").write_text("mine\n")
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert (
        "commit or stash your changes first" in done.stderr
        and "notes.txt" in done.stderr
        and "Nothing was changed" in done.stderr
    )
    assert git(service, "status", "--porcelain") == "?? notes.txt\n"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda memory: "{", "must be JSON"),
        (lambda memory: memory.replace('"payment_service"', '"order_desk"'), "must be payment_service, as in src/"),
        (lambda memory: memory.replace('"commit"', '"commits"'), "must hold template, commit and context"),
        (lambda memory: re.sub(r'"commit": "\w+"', '"commit": "0123456789"', memory), "--from COMMIT"),
        (lambda memory: re.sub(r'"template": "[^"]+"', '"template": "/no/such/place"', memory), "/no/such/place"),
    ],
    ids=["no JSON", "another service", "no commit", "unknown commit", "no template"],
)
def test_a_wrong_memory_is_refused(break_it: Callable[[str], str], words: str, make: Make) -> None:
    """A .cruft.json that cannot be right is named, with what it must be; nothing is changed."""
    service = make()
    memory = service / ".cruft.json"
    memory.write_text(break_it(memory.read_text()))
    commit(service)
    done = update(service, "--without-tests")
    assert (done.returncode, words in done.stderr, "Nothing was changed" in done.stderr) == (2, True, True), done.stderr
    assert git(service, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("framework=flask", "framework cannot be changed in an existing service: your code is written for it"),
        ("package_name=other", "package_name cannot be changed"),
        ("otlp_protocol=smoke", "otlp_protocol must be one of grpc, http, got 'smoke'"),
        ("colour=red", "an answer must be NAME=VALUE with a NAME of project_name"),
        ("team=Bad Team", "team must be lower-case letters, digits and hyphens between them"),
    ],
)
def test_an_answer_that_cannot_be_given_is_refused(answer: str, words: str, make: Make) -> None:
    """The reason is one sentence, and nothing is changed."""
    service = make()
    done = update(service, answer)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert git(service, "status", "--porcelain", "--ignored") == ""


def test_every_answer_is_either_switched_or_refused(past: History, choices: dict[str, list[str]], make: Make) -> None:
    """Each other value of each choice, framework aside, gives exactly a service that was made with it."""
    for question, values in choices.items():
        for value in values[1:] if question != "framework" else []:
            service = make()
            git(past.template, "checkout", "-q", past.commits[CURRENT])
            expected = render(past.template, service.parent / f"expected-{value}", **{question: value})
            done = update(service, f"{question}={value}", "--to", past.commits[CURRENT], "--without-tests")
            git(past.template, "checkout", "-q", "main")
            assert done.returncode == 0, done.stdout + done.stderr
            names = {str(path.relative_to(expected)) for path in expected.rglob("*") if path.is_file()}
            assert set(git(service, "ls-files").splitlines()) == names | {".cruft.json"}
            assert {name for name in names if (service / name).read_bytes() != (expected / name).read_bytes()} == set()
            shutil.rmtree(service)


@pytest.mark.parametrize("version", ["0.1.0", "0.3.0", CURRENT])
def test_a_service_of_plain_cookiecutter_is_adopted(version: str, past: History, make: Make) -> None:
    """Told only where the template is, it finds commit and answers, updates the same way, and remembers them from then on."""
    service = make(version, memory=False)
    edit(service / "src/payment_service/transactions.py", "import logging", f"# {MINE}\nimport logging")
    (service / "Dockerfile").write_text(f"# {MINE}\n")
    commit(service)
    untold = update(service)
    assert (untold.returncode, '--template URL"' in untold.stderr) == (2, True), untold.stderr
    done = update(service, "--template", str(past.template), "--without-tests")
    assert done.returncode == 1, done.stdout + done.stderr  # the Dockerfile was rewritten, and is a conflict
    assert f"({past.commits[version][:7]}) -> {NEXT}" in done.stdout
    memory = json.loads((service / ".cruft.json").read_text())
    assert (memory["template"], memory["commit"]) == (str(past.template), past.commits[NEXT])
    assert memory["context"]["cookiecutter"]["package_name"] == "payment_service"
    git(service, "checkout", "--ours", "Dockerfile")
    commit(service)
    assert update(service, "--check").returncode == 0


def test_a_service_in_a_folder_of_a_repository(past: History, make: Make) -> None:
    """Where a repository holds more than the service, only the service's folder changes, and the way back is the same."""
    service = make()
    shutil.rmtree(service / ".git")
    (service.parent / "other.txt").write_text("mine\n")
    commit(service.parent)
    done = update(service, "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = git(service.parent, "diff", "--cached", "--name-only").splitlines()
    assert changed and all(name.startswith("payment-service/") for name in changed)
    assert run(service, *WAY_BACK.split()).returncode == 0
    assert git(service.parent, "status", "--porcelain") == ""


def test_a_person_s_git_and_cookiecutter_do_not_decide(make: Make, tmp_path: Path) -> None:
    """Settings that change how Git merges, quotes or ends lines, and another's Cookiecutter defaults, change nothing."""
    service = make()
    (tmp_path / "gitconfig").write_text(
        "[core]\nautocrlf = input\nquotePath = true\n[merge]\nrenames = false\nconflictStyle = diff3\n[diff]\n"
        "renames = false\nnoprefix = true\n[status]\nshowUntrackedFiles = no\n[color]\nui = always\n[commit]\ngpgSign = true\n"
    )
    (tmp_path / "cookiecutter.yaml").write_text("default_context:\n  team: intruders\n")
    (service / "docs").mkdir()
    (service / "README.md").rename(service / "docs/README.md")
    commit(service)
    settings = {
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "COOKIECUTTER_CONFIG": str(tmp_path / "cookiecutter.yaml"),
    }
    done = update(service, "--without-tests", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "README.md: you moved it to docs/README.md" in done.stdout
    assert "intruders" not in git(service, "diff", "--cached")


def test_an_update_takes_less_than_five_seconds(make: Make) -> None:
    """All that an update computes, network and tests aside, takes less than 5 s of processor time, and so on a quiet machine."""
    service = make("0.1.0")
    before = sum(os.times()[2:4])
    done = update(service, "--without-tests")
    seconds = sum(os.times()[2:4]) - before
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"\nan update took {seconds:.1f} s of processor time")
    assert seconds < 5
