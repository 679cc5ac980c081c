"""The update program in a service: plain Python, typed, small, and without anything that has to be installed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.__main__ import OURS, program

from .shell import PROJECT

PROGRAM = sorted((PROJECT / ".template").glob("*.py"))


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: path.stem)
def test_it_needs_the_standard_library_only(path: Path) -> None:
    """It imports its own files and the standard library; render.py, which another Python runs, Cookiecutter too."""
    imports = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    foreign = imports - sys.stdlib_module_names - {program.stem for program in PROGRAM}
    assert foreign == ({"cookiecutter"} if path.name == "render.py" else set())


def test_its_types_are_right() -> None:
    """mypy's strict mode finds nothing in it."""
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.11", "--cache-dir", "/dev/null"]
    command += ["--disable-error-code", "import-untyped", *map(str, PROGRAM)]
    done = subprocess.run(command, cwd=PROJECT.parent / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("result", ["updated", "conflicts", "tests failed", "moved"])
def test_what_a_commit_of_an_update_is_called_is_known_everywhere(result: str) -> None:
    """A title is no person's commit, for the fleet command and for the weekly workflow; another subject is one for both."""
    title = program("verdict").title({"result": result, "settle": {"a": "", "b": ""}, "to": {"version": "1.2.3"}})
    workflow = (PROJECT / ".github/workflows/template-update.yml").read_text()
    (pattern,) = re.findall(r"grep -vE '(.*?)'", workflow)
    for subject, ours in ((title, True), ("settled by hand", False)):
        assert (bool(OURS.fullmatch(subject)), bool(re.search(pattern, subject))) == (ours, ours), subject
