"""What a service says of itself is data: nothing of it runs on the machine that updates or checks it."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.__main__ import arguments as fleet_arguments
from fleet.__main__ import template as fleet_template

from ..conftest import ROOT
from .conftest import History, Make
from .shell import BIN, commit, git, run, update
from .versions import NEXT

pytestmark = pytest.mark.slow

RECORD = ".template/answers.json"
MEMORY = ".cruft.json"


def code(mark: Path) -> str:
    """Return Jinja that makes a file, as Cookiecutter would run it."""
    return "{{ cycler.__init__.__globals__.os.system('touch " + str(mark) + "') }}"


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    """Change what a JSON file holds."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data, indent=2) + "\n")


def answers(service: Path, memory: bool) -> Callable[..., None]:
    """Return a function that sets answers in each record that the service has."""

    def set_answers(**values: object) -> None:
        rewrite(service / RECORD, lambda data: data["answers"].update(values))
        if memory:
            rewrite(service / MEMORY, lambda data: data["context"]["cookiecutter"].update(values))

    return set_answers


def refused(done: Any, *words: str) -> None:
    """Assert one sentence, exit status 2, and no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Nothing was changed." in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("memory", [True, False], ids=["cruft.json", "answers.json"])
@pytest.mark.parametrize("how", [(), ("--check",)], ids=["update", "check"])
@pytest.mark.parametrize(
    "text",
    [
        "CODE",
        "{% set x = cycler.__init__.__globals__.os.system('touch MARK') %}a",
        "#% set x = cycler.__init__.__globals__.os.system('touch MARK')",
        "  #% set x = cycler.__init__.__globals__.os.system('touch MARK')",
        "{# a comment #}",
    ],
    ids=["expression", "statement", "line statement", "indented line statement", "comment"],
)
def test_code_in_an_answer_is_refused(
    text: str, how: tuple[str, ...], memory: bool, past: History, make: Make, tmp_path: Path
) -> None:
    """Jinja in an answer, whichever record keeps it, is refused with its name, value and file, and never runs."""
    mark = tmp_path / "ran"
    service = make(memory=memory)
    answers(service, memory)(description=text.replace("CODE", code(mark)).replace("MARK", str(mark)))
    commit(service)
    done = update(service, "--template", str(past.template), *how)
    refused(done, "'description'", MEMORY if memory else RECORD, "which Cookiecutter runs as code")
    assert not mark.exists()
    assert git(service, "status", "--porcelain") == ""


def test_code_on_the_command_line_and_in_files_is_refused(past: History, make: Make, tmp_path: Path) -> None:
    """So is an answer that is given, and one that is read off the files of a service without a record."""
    mark = tmp_path / "ran"
    service = make()
    refused(update(service, f"description={code(mark)}"), "'description' in the command line")
    shutil.rmtree(service)
    service = make("0.1.0", memory=False)
    readme = service / "README.md"
    readme.write_text(re.sub(r"^# .*", f"# {code(mark)}", readme.read_text(), count=1))
    commit(service)
    refused(update(service, "--template", str(past.template)), "'project_name' in the service's files")
    assert not mark.exists()


@pytest.mark.parametrize("file", [MEMORY, RECORD])
@pytest.mark.parametrize(
    "content", ["[]", '"text"', "7", "null", "{}", "[" * 100_000, '{"answers": [], "context": []}', "\ud800", ""]
)
def test_a_record_of_the_wrong_shape_is_refused(content: str, file: str, past: History, make: Make) -> None:
    """Whatever stands in a record, the update ends with one sentence that names the file."""
    service = make(memory=file == MEMORY)
    (service / file).write_bytes(content.encode(errors="surrogatepass"))
    commit(service)
    for how in ((), ("--check",)):
        refused(update(service, "--template", str(past.template), *how), file)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"project_slug": "../../x"}, "project_slug in .template/answers.json must be lower-case letters"),
        ({"package_name": "..\\1"}, "package_name in .template/answers.json must be"),
        ({"team": ["platform"]}, "'team' in .template/answers.json must be text"),
        ({"team": {"a": "{{ 1 }}"}}, "'team' in .template/answers.json must be text"),
        ({"team": None}, "'team' in .template/answers.json must be text"),
        ({"description": "one\ntwo"}, "must be one line of printable text"),
        ({"description": "\ud800"}, "must be one line of printable text"),
        ({"description": "\x1b[2J"}, "must be one line of printable text"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_refused(
    values: dict[str, object], words: str, past: History, make: Make
) -> None:
    """An answer that would leave its folder, break a pattern or a file is named; nothing is written."""
    service = make(memory=False)
    answers(service, False)(**values)
    commit(service)
    refused(update(service, "--template", str(past.template)), words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"directory": "../.."}, "directory in .cruft.json must be a folder inside the template"),
        ({"directory": "/tmp"}, "directory in .cruft.json must be a folder inside the template"),
        ({"directory": 7}, "directory in .cruft.json"),
        ({"directory": "no/such"}, "directory in .cruft.json must be a folder inside the template"),
        ({"commit": "--output=x"}, "commit in .cruft.json"),
        ({"commit": ["a"]}, "commit in .cruft.json"),
        ({"commit": "a b"}, "must name a commit"),
        ({"checkout": {}}, "checkout in .cruft.json"),
        ({"template": "-x"}, "template in .cruft.json"),
        ({"template": "."}, "must not be in the service's own repository"),
        ({"template": "SERVICE"}, "must not be in the service's own repository"),
        ({"template": "file://SERVICE"}, "must not be in the service's own repository"),
        ({"template": "ext::sh -c touch% MARK"}, "ext"),
    ],
)
def test_a_memory_that_leads_elsewhere_is_refused(
    values: dict[str, Any], words: str, make: Make, tmp_path: Path
) -> None:
    """Neither a folder outside the template, nor an option of Git, nor the service's own program is used."""
    service = make()
    mark = tmp_path / "ran"
    for name in ("{{x}}/.template/update.py", "update/__main__.py"):
        program = service / name
        program.parent.mkdir(parents=True)
        program.write_text(f"open({str(mark)!r}, 'w')\n")
    (service / "cookiecutter.json").write_text("{}")
    texts = {
        name: value.replace("SERVICE", str(service)).replace("MARK", str(mark)) if isinstance(value, str) else value
        for name, value in values.items()
    }
    rewrite(service / MEMORY, lambda data: data.update(texts))
    commit(service)
    refused(update(service), words)
    assert not mark.exists()


def test_a_record_that_is_a_link_is_refused(make: Make) -> None:
    """A link to a device without end is not read."""
    service = make()
    (service / MEMORY).unlink()
    (service / MEMORY).symlink_to("/dev/zero")
    commit(service)
    refused(update(service), MEMORY)


def test_no_file_of_the_service_is_imported_or_read_while_rendering(past: History, make: Make, tmp_path: Path) -> None:
    """A module of Cookiecutter's name and uv's configuration in the service change nothing."""
    service = make()
    mark = tmp_path / "ran"
    for name in ("cookiecutter.py", ".template/cookiecutter.py", "json.py", "sitecustomize.py"):
        (service / name).write_text(f"open({str(mark)!r}, 'w')\nraise SystemExit(9)\n")
    (service / "git").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (service / "git").chmod(0o755)
    (service / "uv.toml").write_text("no = configuration\n")
    (service / ".python-version").write_text("2.7\n")
    commit(service)
    done = update(service, "--check")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert f"-> {NEXT}" in done.stdout
    variables = {"PYTHONPATH": ".", "PATH": f".:{os.environ['PATH']}"}
    assert fleet("check", service, "--template", str(past.template), **variables)["result"] == "behind"
    assert not mark.exists()


def fleet(command: str, service: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """Run the fleet command for one service; return its row."""
    file = service.parent / "services.txt"
    file.write_text(f"{service}\n")
    report = service.parent / "reports" / "report.json"
    done = run(
        ROOT, sys.executable, "-m", "fleet", command, str(file), "--report", str(report), *arguments, **variables
    )
    assert "Traceback" not in done.stderr, done.stderr
    row: dict[str, Any] = json.loads(report.read_text())[0]
    return row | {"status": done.returncode, "output": done.stdout}


def test_fleet_refuses_code_in_an_answer(make: Make, tmp_path: Path) -> None:
    """On the platform team's machine a hostile answer is a row of the table."""
    mark = tmp_path / "ran"
    service = make()
    answers(service, True)(description=code(mark))
    commit(service)
    for command in ("check", "update"):
        row = fleet(command, service)
        assert (row["status"], row["result"]) == (1, "refused")
        assert "'description' in .cruft.json" in row["reason"]
    assert not mark.exists()


@pytest.mark.parametrize(
    "named",
    ["SERVICE", "OTHER", "ELSEWHERE", ".", "../other", "https://example.invalid/evil/template", "gh:a/b"],
)
def test_fleet_uses_no_template_that_a_service_chooses(named: str, past: History, make: Make, tmp_path: Path) -> None:
    """A template on this machine, or an address, that is not ours is refused with the way to allow it."""
    mark = tmp_path / "ran"
    service = make()
    other = service.parent / "other"
    git(service.parent, "clone", "-q", str(past.template), str(other))
    hook = other / "hooks" / "post_gen_project.py"
    hook.write_text(f"open({str(mark)!r}, 'w')\n" + hook.read_text())
    commit(other)
    elsewhere = tmp_path / "elsewhere"  # a checkout that is in no list
    git(tmp_path, "clone", "-q", str(other), str(elsewhere))
    places = {"SERVICE": service, "OTHER": other, "ELSEWHERE": elsewhere}
    value = str(places.get(named, named))
    rewrite(service / MEMORY, lambda data: data.update(template=value))
    commit(service)
    (service.parent / "services.txt").write_text(f"{service}\n{other}\n")
    report = tmp_path / "report.json"
    done = run(
        ROOT, str(BIN / "python"), "-m", "fleet", "check", str(service.parent / "services.txt"), "--report", str(report)
    )
    row = json.loads(report.read_text())[0]
    assert (done.returncode, row["result"]) == (1, "refused"), row
    assert "--template" in row["reason"]
    assert not mark.exists()
    assert fleet("check", service, "--template", str(past.template))["result"] == "behind"


def test_fleet_uses_its_own_repository(make: Make) -> None:
    """A record that names the folder of the fleet command is believed: its code runs already."""
    service = make()
    rewrite(service / MEMORY, lambda data: data.update(template=str(ROOT)))
    assert fleet_template(service, fleet_arguments(["check", "services.txt"])) == str(ROOT)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gh:o/r", "https://github.com/o/r.git", True),
        ("git@github.com:o/r.git", "https://github.com/O/R/", True),
        ("ssh://git@github.com/o/r", "gh:o/r", True),
        ("ssh://git@github.com:22/o/r", "https://token@github.com/o/r", True),
        ("https://github.com/o/r", "http://github.com/o/r", False),
        ("https://github.com/o/r", "https://github.com/o/r2", False),
        ("https://github.com/o/r", "https://github.com.evil/o/r", False),
        ("https://github.com/o/r", "https://evil/github.com/o/r", False),
        ("https://github.com/o/r", "https://github.com/x/../o/r", False),
        ("https://github.com/o/r", "https://github.com:8443/o/r", False),
        ("git@evil:github.com/o/r", "gh:o/r", False),
        ("mallory@github.com:o/r", "git@github.com:o/r", False),
        ("ssh://mallory@github.com/o/r", "gh:o/r", False),
        ("git@example.com:/o/r", "git@example.com:o/r", False),
    ],
)
def test_an_address_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    """The secure ways to write one repository's address are equal; nothing else is."""
    script = (
        "import sys; from update.address import identity; a, b = map(identity, sys.argv[1:]); print(bool(a) and a == b)"
    )
    assert run(ROOT, sys.executable, "-c", script, one, other).stdout.strip() == str(same)


def test_fleet_takes_no_link_of_a_service_for_an_address(past: History, make: Make, tmp_path: Path) -> None:
    """A link whose name is the template's address does not lead to another service's code, whatever --template says."""
    mark = tmp_path / "ran"
    service = make()
    evil = tmp_path / "evil"
    git(tmp_path, "clone", "-q", str(past.template), str(evil))
    program = evil / "update/__main__.py"
    program.write_text(f"open({str(mark)!r}, 'w')\n" + program.read_text())
    commit(evil)
    (service / "https:" / "example.invalid").mkdir(parents=True)
    (service / "https:" / "example.invalid" / "template").symlink_to(evil)
    rewrite(service / MEMORY, lambda data: data.update(commit="HEAD"))
    commit(service)
    assert fleet("check", service, "--template", "https://example.invalid/template")["status"] == 1
    rewrite(service / MEMORY, lambda data: data.update(template="https://example.invalid/template"))
    commit(service)
    assert update(service, "--check").returncode == 2
    assert not mark.exists()


def test_fleet_knows_a_service_by_its_file_address(past: History, make: Make, tmp_path: Path) -> None:
    """A service that the list names as file:// is no template for itself either."""
    service = make()
    rewrite(service / MEMORY, lambda data: data.update(template=str(service), commit="HEAD"))
    commit(service)
    file, report = tmp_path / "list.txt", tmp_path / "report.json"
    file.write_text(f"file://{service}\n")
    run(ROOT, sys.executable, "-m", "fleet", "check", str(file), "--report", str(report))
    assert json.loads(report.read_text())[0]["result"] == "refused"


def test_fleet_overwrites_no_commit_of_a_person(past: History, make: Make) -> None:
    """What somebody has settled by hand on the branch template-update stays there, and the row says so."""
    service = make()
    git(service, "config", "receive.denyCurrentBranch", "ignore")
    push = ("--push", "--template", str(past.template))
    assert fleet("update", service, *push)["pushed"] is True
    git(service, "switch", "-q", "template-update")
    git(service, "commit", "-q", "--allow-empty", "-m", "settled by hand")
    git(service, "switch", "-q", "-")
    row = fleet("update", service, *push)
    assert (row["result"], "settled by hand" in row["reason"]) == ("failed", True), row
    assert git(service, "log", "-1", "--format=%s", "template-update").strip() == "settled by hand"


def test_an_answer_is_never_advised_as_code(make: Make) -> None:
    """An answer that a shell or make would run is not part of the command that the program recommends."""
    service = make()
    rewrite(service / MEMORY, lambda data: data["context"]["cookiecutter"].update(description="Pay $(touch ran) now"))
    commit(service)
    done = update(service, "--check")
    assert (done.returncode, "ARGS=" in done.stderr) == (2, False), done.stderr


def test_a_record_without_the_service_s_name_is_refused(make: Make) -> None:
    """A name that no record holds is asked for, and not replaced by the template's default."""
    service = make()
    for file in (MEMORY, ".template/answers.json"):
        rewrite(
            service / file,
            lambda data: data.get("answers", data.get("context", {}).get("cookiecutter")).pop("project_slug"),
        )
    commit(service)
    done = update(service, "--check")
    assert (done.returncode, "project_slug must be among the answers" in done.stderr) == (2, True), done.stderr


def test_fleet_runs_no_hook(past: History, make: Make, tmp_path: Path) -> None:
    """A hook that every clone gets from the person's Git, or from a template's own hook, does not run when fleet commits."""
    mark = tmp_path / "ran"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "pre-push", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "gitconfig").write_text(f"[core]\nhooksPath = {hooks}\n")
    service = make()
    file = tmp_path / "services.txt"
    file.write_text(f"{service}\n")
    done = run(
        ROOT,
        sys.executable,
        "-m",
        "fleet",
        "update",
        str(file),
        "--push",
        f"--template={past.template}",
        GIT_CONFIG_GLOBAL=str(tmp_path / "gitconfig"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 pushed" in done.stdout
    assert not mark.exists()


@pytest.mark.parametrize("memory", [True, False], ids=["both records", "answers.json only"])
@pytest.mark.parametrize(("name", "old", "new"), [("otlp_protocol", "grpc", "http"), ("team", "platform", "treasury")])
def test_an_answer_that_was_edited_in_its_record_is_refused(
    name: str, old: str, new: str, memory: bool, past: History, make: Make
) -> None:
    """It names both values and a command; that command then brings files and records together."""
    service = make(memory=memory)
    rewrite(service / RECORD, lambda data: data["answers"].update({name: new}))
    commit(service)
    for how in ((), ("--check",)):
        done = update(service, "--template", str(past.template), *how)
        refused(done, repr(old), repr(new), f'make update ARGS="{name}=')
    done = update(service, f"{name}={new}", "--template", str(past.template), "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    commit(service)
    expected = past.renders[NEXT, "http"] if name == "otlp_protocol" else None
    if expected:
        otlp = "src/payment_service/telemetry/export/otlp.py"
        assert (service / otlp).read_bytes() == (expected / otlp).read_bytes()
    else:
        assert "treasury" in (service / "src/payment_service/telemetry/resource.py").read_text()
    assert json.loads((service / RECORD).read_text())["answers"][name] == new
    assert json.loads((service / MEMORY).read_text())["context"]["cookiecutter"][name] == new
    assert update(service, "--check").returncode == 0


def test_a_squashed_service_tells_by_its_files(past: History, make: Make) -> None:
    """Where the edited record is the only one and no history shows what it was, the files of the choice do."""
    service = make(memory=False)
    rewrite(service / RECORD, lambda data: data["answers"].update(otlp_protocol="http"))
    shutil.rmtree(service / ".git")
    commit(service)
    done = update(service, "--template", str(past.template), "--check")
    refused(done, "otlp_protocol is 'http'", "'grpc'", 'make update ARGS="otlp_protocol=http"')
