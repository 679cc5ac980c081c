"""`make update` never takes out work, and its exit status is true: also while somebody works on, and after bad advice."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from update import merge, verdict
from update.advice import settle as advise
from update.place import put
from update.repository import tree_of

from .conftest import History, Make
from .edits import MINE
from .shell import BIN, commit, git, run, update
from .versions import CURRENT, NEXT

pytestmark = pytest.mark.slow

TELEMETRY = "src/payment_service/telemetry"


def meanwhile(folder: Path, script: str) -> dict[str, str]:
    """Return variables with which a script runs while the update renders: it stands in for uvx, which then fails."""
    folder.mkdir()
    (folder / "uvx").write_text(f"#!/bin/sh\n{script}\nexit 1\n")
    (folder / "uvx").chmod(0o755)
    return {"PATH": f"{folder}:{BIN}:{os.environ['PATH']}"}


MOVES = {
    "a commit": 'echo "# mine" > new.py && git add new.py && git commit -qm meanwhile',
    "another branch": "git switch -q -c other",
    "another branch and commit": 'git switch -q -c other && echo "# mine" >> README.md && git commit -qam meanwhile',
    "detached": "git switch -q --detach",
    "the index": 'echo "# mine" > new.py && git add new.py',
    "a file": 'echo "# mine" >> README.md',
    "a new file": 'echo "# mine" > new.py',
}


@pytest.mark.parametrize("move", MOVES)
def test_work_that_moves_while_it_runs_is_refused(move: str, make: Make, tmp_path: Path) -> None:
    """A commit, a switch or an edit meanwhile stays exactly as it is, and the exit status is 2."""
    service = make()
    once = f"cd {service} && test ! -e {tmp_path}/moved && touch {tmp_path}/moved && {{ {MOVES[move]}; }}"
    done = update(service, "--without-tests", **meanwhile(tmp_path / "bin", once))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "changed while this ran" in done.stderr and "Nothing was changed." in done.stderr
    assert (tmp_path / "moved").exists()
    if "new.py" in MOVES[move]:
        assert (service / "new.py").read_text() == "# mine\n"
    if "README" in MOVES[move]:
        assert (service / "README.md").read_text().endswith("# mine\n")
    assert "In the next version" not in (service / TELEMETRY / "providers.py").read_text()
    changed = {"the index": "A  new.py\n", "a file": " M README.md\n", "a new file": "?? new.py\n"}
    assert git(service, "status", "--porcelain") == changed.get(move, "")


@pytest.mark.parametrize("staged", [True, False])
def test_git_itself_keeps_what_came_after_the_last_look(staged: bool, make: Make, past: History) -> None:
    """What is committed in the instant before the result is put is kept: the merge's own commit is compared, not HEAD."""
    service = make()
    head = git(service, "rev-parse", "HEAD").strip()
    base = git(service, "rev-parse", "HEAD^{tree}").strip()
    theirs = tree_of(service, past.renders[NEXT, "grpc"])
    merged = merge.merge(service, base, base, theirs, "template")
    (service / "new.py").write_text("# mine\n")
    git(service, "add", "new.py")
    if not staged:
        git(service, "commit", "-q", "-m", "meanwhile")
    put(merged, "", head)
    assert (service / "new.py").read_text() == "# mine\n"
    assert "new.py" in git(service, "ls-files").splitlines()
    assert "In the next version" in (service / TELEMETRY / "providers.py").read_text()


def test_a_commit_while_the_tests_run_is_told(make: Make, tmp_path: Path) -> None:
    """Tests that passed on something else prove nothing: the exit status is 1 and the reason is said."""
    service = make()
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "uv").write_text("#!/bin/sh\ngit commit -qm meanwhile\nexit 0\n")
    (folder / "uv").chmod(0o755)
    report = tmp_path / "report.json"
    done = update(service, "--report", str(report), PATH=f"{folder}:{BIN}:{os.environ['PATH']}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the service changed meanwhile" in done.stdout
    assert json.loads(report.read_text())["result"] == "moved"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_does_not_look_at_is_kept(flag: str, make: Make) -> None:
    """A file whose edits are hidden from Git is not overwritten: it is named, with the command that shows them."""
    service = make()
    git(service, "update-index", flag, "README.md")
    (service / "README.md").write_text(MINE)
    done = update(service, "--without-tests")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "README.md is marked" in done.stderr
    assert (service / "README.md").read_text() == MINE


def test_nothing_to_do_is_0_whatever_becomes_of_the_scratch_folder(past: History, make: Make, tmp_path: Path) -> None:
    """Twelve times nothing to do, while something writes into the scratch folder as it is removed: 0 each time."""
    service = make(NEXT)
    busy = '(for i in $(seq 2000); do mkdir -p "$TMPDIR/busy/$i"; done) > /dev/null 2>&1 &'
    variables = meanwhile(tmp_path / "bin", busy)
    (tmp_path / "tmp").mkdir()
    for _ in range(12):
        done = update(service, TMPDIR=str(tmp_path / "tmp"), **variables)
        assert (done.returncode, "up to date" in done.stdout) == (0, True), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert git(service, "status", "--porcelain") == ""


def link(service: Path, commit_: str) -> None:
    """Note a commit in .cruft.json, as `cruft link` does without looking at the files."""
    memory = json.loads((service / ".cruft.json").read_text())
    (service / ".cruft.json").write_text(json.dumps(memory | {"commit": commit_}, indent=2) + "\n")


@pytest.mark.parametrize("version", ["0.1.0", "0.3.0"])
@pytest.mark.parametrize("how", [("--check",), ("--without-tests",)], ids=["check", "update"])
def test_a_commit_that_the_service_is_not_made_from_is_refused(
    how: tuple[str, ...], version: str, past: History, make: Make
) -> None:
    """Old code that was linked to the newest commit is not up to date, and the commit that --from names is given."""
    service = make(version)
    link(service, past.commits[NEXT])
    commit(service)
    done = update(service, *how)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "up to date" not in done.stdout
    advice = f"--from {past.commits[version][:7]}"
    assert f'make update ARGS="{advice}"' in done.stderr
    assert f"({past.commits[version][:7]})" in done.stderr
    done = update(service, *advice.split(), "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    commit(service)
    assert update(service, "--check").returncode == 0


def squash(service: Path) -> None:
    """Forget the history."""
    shutil.rmtree(service / ".git")
    commit(service)


def formatted(service: Path) -> None:
    """Format the code in another way, and forget the history."""
    done = run(service, str(BIN / "ruff"), "format", "-q", "--isolated", "--line-length", "60", ".")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(service / ".ruff_cache", ignore_errors=True)
    squash(service)


def edited(service: Path) -> None:
    """Edit every telemetry file."""
    for file in (service / TELEMETRY).glob("*.py"):
        file.write_text(file.read_text() + f"# {MINE}\n")
    squash(service)


def windows(service: Path) -> None:
    """Store every file with CRLF, and forget the history."""
    for name in git(service, "ls-files").splitlines():
        file = service / name
        if not name.endswith(".json"):
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    squash(service)


def moved(service: Path) -> None:
    """Move the telemetry tests, and forget the history."""
    (service / "tests/telemetry").rename(service / "tests/otel")
    squash(service)


@pytest.mark.parametrize("version", ["0.1.0", "0.3.0", CURRENT, NEXT])
@pytest.mark.parametrize("change", [squash, formatted, edited, windows, moved], ids=lambda change: change.__name__)
def test_a_right_commit_is_believed(change: Any, version: str, make: Make) -> None:
    """No history, another format, edits in each telemetry file, CRLF or moved files are no reason to doubt a commit."""
    service = make(version)
    change(service)
    commit(service)
    done = update(service, "--check")
    assert done.returncode == (0 if version == NEXT else 1), done.stdout + done.stderr


def test_answers_that_cannot_be_read_off_are_named_in_a_command_that_works(past: History, make: Make) -> None:
    """The command that the refusal gives, its dots filled in, updates the service."""
    service = make("0.1.0", memory=False)
    resource = service / TELEMETRY / "resource.py"
    resource.write_text(resource.read_text().replace('"platform"', "our_team()"))
    commit(service)
    done = update(service, "--template", str(past.template))
    assert done.returncode == 2, done.stdout + done.stderr
    (advice,) = re.findall(r'make update ARGS="([^"]+)"', done.stderr)
    assert advice == "--template URL --from COMMIT team=..."
    given = (
        advice.replace("URL", str(past.template)).replace("COMMIT", past.commits["0.1.0"]).replace("...", "treasury")
    )
    done = update(service, *shlex.split(given), "--without-tests")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert json.loads((service / ".cruft.json").read_text())["context"]["cookiecutter"]["team"] == "treasury"


def conflict(begin: str = "<<<<<<< yours", end: str = f">>>>>>> template {NEXT}") -> str:
    """Return a conflict as a merge writes it."""
    return f"one\n{begin}\nmine\n=======\ntheirs\n{end}\ntwo\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/payment_service/refunds.py", conflict()),
        ("src/payment_service/refunds.py", conflict().replace("\n", "\r\n")),
        ("src/payment_service/app.py", conflict("<<<<<<< HEAD", ">>>>>>> 1234567 (a message)")),
        ("README.md", conflict("<<<<<<< yours:README.md", f">>>>>>> template {NEXT}:docs/README.md")),
    ],
    ids=["our labels", "CRLF", "other labels in a file of the template", "labels with paths"],
)
@pytest.mark.parametrize("version", [CURRENT, NEXT])
def test_committed_markers_are_told(version: str, name: str, text: str, make: Make) -> None:
    """The check exits with 1 and lists the file, and the update refuses with 2, also where nothing else is to do."""
    service = make(version)
    (service / name).write_bytes(text.encode())
    commit(service)
    done = update(service, "--check")
    assert (done.returncode, name in done.stdout) == (1, True), done.stdout + done.stderr
    assert "conflict markers were committed" in done.stdout and "up to date" not in done.stdout
    done = update(service, "--without-tests")
    assert (done.returncode, name in done.stderr) == (2, True), done.stdout + done.stderr
    assert git(service, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["docs/git.md", "README.md"])
@pytest.mark.parametrize(
    "text",
    [
        conflict("<<<<<<< HEAD", ">>>>>>> main"),
        "Keep what is right between <<<<<<< yours and >>>>>>> template.\n",
        "\n".join(f"    {line}" for line in conflict().splitlines()) + "\n",
        "<<<<<<< yours\nno end\n",
        "=======\n>>>>>>> template 0.4.0\n",
        "A title\n=======\n",
    ],
    ids=["shown", "in a sentence", "indented", "no end", "no begin", "a title"],
)
def test_a_document_may_show_markers(text: str, name: str, make: Make) -> None:
    """What only looks like a conflict, in a document, is none, also in one that the template brings."""
    service = make(NEXT)
    (service / "docs").mkdir()
    with (service / name).open("a") as file:
        file.write(text)
    commit(service)
    done = update(service, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/payment_service/refunds.py", f"kept\n>>>>>>> template {NEXT}\n"),
        ("src/payment_service/refunds.py", "<<<<<<< yours\nkept\n"),
        ("src/payment_service/refunds.py", f"a\n<<< yours\nb\n===\nc\n>>> template {NEXT}\n"),
        ("src/payment_service/app.py", "<<<<<<< HEAD\nkept\n"),
        ("src/payment_service/app.py", "kept\n>>>>>>> 1234567 (a message)\n"),
        ("README.md", f"a\n<<<<<<<<<<< yours\nb\n===========\nc\n>>>>>>>>>>> template {NEXT}\n"),
    ],
    ids=[
        "only an end",
        "only a begin",
        "short",
        "begin in a file of the template",
        "end in one",
        "long, in a document",
    ],
)
def test_what_is_left_of_a_conflict_is_told(name: str, text: str, make: Make) -> None:
    """In code a single marker is enough, in a document a whole conflict of any marker's length."""
    service = make(NEXT)
    (service / name).write_text(text)
    commit(service)
    done = update(service, "--check")
    assert (done.returncode, name in done.stdout) == (1, True), done.stdout + done.stderr
    assert "conflict markers were committed" in done.stdout


@pytest.mark.parametrize("size", [3, 32])
def test_markers_of_another_length_are_conflicts(size: int, make: Make) -> None:
    """With the attribute conflict-marker-size a conflict is labelled, listed and found as any other."""
    service = make()
    (service / ".gitattributes").write_text(f"* conflict-marker-size={size}\n")
    owned = service / TELEMETRY / "providers.py"
    owned.write_text(owned.read_text().replace('"""', f'"""{MINE}: ', 1))
    commit(service)
    done = update(service, "--without-tests")
    assert (done.returncode, "providers.py: both sides changed it: keep" in done.stdout) == (1, True), done.stdout
    assert f"{'<' * size} yours\n" in owned.read_text()
    commit(service)
    done = update(service, "--check")
    assert (done.returncode, "providers.py" in done.stdout) == (1, True), done.stdout + done.stderr


@pytest.mark.parametrize("memory", [True, False], ids=["both records", "answers.json only"])
def test_a_renamed_package_is_adopted(memory: bool, past: History, make: Make) -> None:
    """A service whose people renamed its package is told the command, and that command updates it."""
    service = make(memory=memory)
    git(service, "mv", "src/payment_service", "src/payments")
    for name in git(service, "grep", "-l", "payment_service", "--", ":!.template", ":!.cruft.json").splitlines():
        file = service / name
        file.write_text(file.read_text().replace("payment_service", "payments"))
    commit(service)
    template = ("--template", str(past.template))
    done = update(service, *template, "--check")
    assert done.returncode == 2, done.stdout + done.stderr
    (advice,) = re.findall(r'make update ARGS="([^"]+)"', done.stderr)
    assert advice == "package_name=payments"
    done = update(service, *template, advice, "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (service / "src/payment_service").exists()
    assert "In the next version" in (service / "src/payments/telemetry/providers.py").read_text()
    commit(service)
    assert update(service, "--check").returncode == 0


LINES = "".join(f"line {number}\n" for number in range(20))
KINDS: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "both renamed": ({"a b": LINES}, {"our name": LINES + "mine\n"}, {"their name": "theirs\n" + LINES}),
    "a file, the template a folder": ({}, {"docs": "mine\n"}, {"docs/a": "theirs\n"}),
    "a folder, the template a file": ({}, {"docs/a": "mine\n"}, {"docs": "theirs\n"}),
    "an edited file, the template a folder": ({"docs": LINES}, {"docs": LINES + "mine\n"}, {"docs/a": "theirs\n"}),
    "a link, the template a file": ({}, {"n": "->z"}, {"n": "theirs\n"}),
    "a file, the template a link": ({}, {"n": "mine\n"}, {"n": "->z"}),
    "made a link, the template edited": ({"n": LINES}, {"n": "->z"}, {"n": LINES + "theirs\n"}),
    "edited, the template made a link": ({"n": LINES}, {"n": LINES + "mine\n"}, {"n": "->z"}),
    "edited, the template deleted": ({"n": LINES}, {"n": LINES + "mine\n"}, {}),
    "renamed, the template deleted": ({"n": LINES}, {"m": LINES + "mine\n"}, {}),
    "no text": ({"n": "\0a"}, {"n": "\0mine"}, {"n": "\0theirs"}),
    "moved the folder": (
        {"d/a": LINES, "d/b": LINES.replace("line", "row")},
        {"e/a": LINES, "e/b": LINES.replace("line", "row")},
        {"d/a": LINES, "d/b": LINES.replace("line", "row"), "d/new": "theirs\n"},
    ),
}


def tree(service: Path, files: dict[str, str]) -> str:
    """Fill the folder with files, and commit them; return the tree."""
    for path in service.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, text in {"z": "z\n", **files}.items():
        (service / name).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            (service / name).symlink_to(text[2:])
        else:
            (service / name).write_text(text)
    commit(service)
    return git(service, "rev-parse", "HEAD^{tree}").strip()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("choice", [0, 1])
def test_the_advice_for_each_kind_of_conflict_works(kind: str, choice: int, tmp_path: Path) -> None:
    """Each kind has sentences whose commands, pasted, settle the conflict; no name ends in a commit."""
    git(tmp_path, "init", "-q", "-b", "main")
    base, theirs, ours = (tree(tmp_path, KINDS[kind][side]) for side in (0, 2, 1))
    merged = merge.merge(tmp_path, base, ours, theirs, f"template {NEXT}")
    put(merged, "", git(tmp_path, "rev-parse", "HEAD").strip())
    unmerged = set(git(tmp_path, "diff", "-z", "--name-only", "--diff-filter=U").split("\0")[:-1])
    settle = advise(merged, tmp_path)
    if choice == 0:  # the way back comes first, and what it takes away is put again
        done = run(tmp_path, "sh", "-ec", verdict.UNMERGED + verdict.BACK)
        assert (done.returncode, git(tmp_path, "status", "--porcelain")) == (0, ""), done.stderr
        put(merged, "", git(tmp_path, "rev-parse", "HEAD").strip())
    assert unmerged == set(settle) != set()
    assert not re.search(r"~[0-9a-f]{40}", json.dumps(settle))
    for sentence in settle.values():
        commands = re.findall(r": (git [^.]+?)(?:\.(?= Or)|$)", sentence)
        assert commands or "see there" in sentence, sentence
        if commands:
            done = run(tmp_path, "sh", "-ec", commands[choice].replace("NEW_NAME", "elsewhere"))
            assert done.returncode == 0, (sentence, done.stderr)
    assert git(tmp_path, "diff", "--name-only", "--diff-filter=U") == ""
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "settled")
    assert git(tmp_path, "status", "--porcelain") == ""
    files = [path for path in tmp_path.rglob("*") if ".git" not in path.parts and path.is_file()]
    text = b"".join(path.read_bytes() for path in files)
    for name, content in KINDS[kind][1].items() if choice == 0 else ():
        assert (tmp_path / name).is_symlink() if content.startswith("->") else "mine" not in content or b"mine" in text


def test_a_report_into_a_missing_folder_is_written(make: Make, tmp_path: Path) -> None:
    """The folder is made; where it cannot be, that is said before anything is changed."""
    service = make()
    report = tmp_path / "no" / "such" / "report.json"
    assert update(service, "--without-tests", "--report", str(report)).returncode == 0
    assert json.loads(report.read_text())["result"] == "updated"
    git(service, "reset", "-q", "--hard")
    for wrong in (report / "below.json", tmp_path):
        done = update(service, "--without-tests", "--report", str(wrong))
        assert (done.returncode, "--report" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
        assert git(service, "status", "--porcelain") == ""


def test_a_report_replaces_nothing_but_a_report(make: Make) -> None:
    """A file that is there keeps what is in it, uncommitted lines too, unless it is an earlier report."""
    service = make()
    (service / "README.md").write_text("precious\n")
    done = update(service, "--check", "--report", "README.md")
    assert (done.returncode, "README.md is there, and is no report" in done.stderr) == (2, True), done.stderr
    assert (service / "README.md").read_text() == "precious\n"


def test_a_merge_that_is_under_way_is_named(make: Make) -> None:
    """An update in the middle of a merge would become one commit with it: refused."""
    service = make()
    git(service, "switch", "-q", "-c", "side")
    git(service, "commit", "-q", "--allow-empty", "-m", "side")
    git(service, "switch", "-q", "-")
    git(service, "commit", "-q", "--allow-empty", "-m", "main")
    git(service, "merge", "-q", "--no-commit", "--no-ff", "side")
    done = update(service, "--without-tests")
    assert (done.returncode, "git merge --abort" in done.stderr) == (2, True), done.stderr


def test_a_sparse_checkout_is_named(make: Make) -> None:
    """It is refused for what it is, with the command that ends it."""
    service = make()
    git(service, "sparse-checkout", "set", "src")
    done = update(service)
    assert (done.returncode, "git sparse-checkout disable" in done.stderr) == (2, True), done.stderr
    git(service, "sparse-checkout", "disable")
    assert update(service, "--check").returncode == 1


def test_a_repository_of_another_user_is_named(make: Make) -> None:
    """Git's own refusal is told as what it is, not as a missing repository."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    service = make()
    os.chown(service, 12345, 12345)
    os.chown(service / ".git", 12345, 12345)
    done = update(service)
    assert (done.returncode, "safe.directory" in done.stderr) == (2, True), done.stderr
