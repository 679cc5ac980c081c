"""The update program: plain Python, typed, easy to read, and without anything that has to be installed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.__main__ import OURS
from update.verdict import title

from ..conftest import ROOT
from .shell import PROJECT

STARTER = PROJECT / ".template/update.py"
PROGRAM = sorted((ROOT / "update").glob("*.py"))
ALL = [STARTER, *PROGRAM]


def label(path: Path) -> str:
    """Return a file's name as it identifies a test."""
    return "starter" if path == STARTER else path.stem


def imported(path: Path) -> set[str]:
    """Return the top-level modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    return names


@pytest.mark.parametrize("path", ALL, ids=label)
def test_it_needs_the_standard_library_only(path: Path) -> None:
    """It imports itself and the standard library; render.py, which another Python runs, Cookiecutter too."""
    foreign = imported(path) - sys.stdlib_module_names
    allowed = {"render.py": {"cookiecutter"}, "__main__.py": {"update"}}
    assert foreign == allowed.get(path.name, set())


def test_the_types_of_the_starter_are_right() -> None:
    """mypy's strict mode finds nothing in it; `mypy` at the root looks at the program."""
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.11", "--cache-dir", "/dev/null"]
    done = subprocess.run([*command, str(STARTER)], cwd=ROOT / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_service_holds_a_starter_only() -> None:
    """A service has its answers and at most 100 lines of code that start the template's program."""
    assert sorted(path.name for path in STARTER.parent.iterdir()) == ["answers.json", "update.py"]
    assert len(STARTER.read_text().splitlines()) <= 100


@pytest.mark.parametrize("result", ["updated", "conflicts", "tests failed", "moved"])
def test_what_a_commit_of_an_update_is_called_is_known_everywhere(result: str) -> None:
    """A title is no person's commit, for the fleet command and for the weekly workflow; another subject is one for both."""
    named = title({"result": result, "settle": {"a": "", "b": ""}, "to": {"version": "1.2.3"}})
    workflow = (PROJECT / ".github/workflows/template-update.yml").read_text()
    (pattern,) = re.findall(r"grep -vE '(.*?)'", workflow)
    for subject, ours in ((named, True), ("settled by hand", False)):
        assert (bool(OURS.fullmatch(subject)), bool(re.search(pattern, subject))) == (ours, ours), subject
