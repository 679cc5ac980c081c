"""What a render consists of: exactly these files, whole, the same each time, and nothing outside the folder."""

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT

CHOICES = {
    name: values
    for name, values in json.loads((ROOT / "cookiecutter.json").read_text()).items()
    if isinstance(values, list) and name[0] != "_"
}
COMBINATIONS = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
PATHS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "paths.toml").read_text())


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file of a folder, the links included, by its relative path."""
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            yield str(path.relative_to(folder)), path


def contents(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return the bytes and the mode of each file."""
    return {name: (path.read_bytes(), stat.filemode(path.lstat().st_mode)) for name, path in files(folder)}


@pytest.fixture(params=COMBINATIONS, ids=lambda combination: "-".join(combination.values()))
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return each combination of choices in turn."""
    combination: dict[str, str] = request.param
    return combination


@pytest.fixture
def project(answers: dict[str, str], rendered: Callable[..., Path]) -> Path:
    """Return the service of the combination."""
    return rendered(**answers)


def test_the_list_covers_every_choice() -> None:
    """paths.toml has a list for every value of every choice, and no other."""
    lists = {question: set(values) for question, values in PATHS.items() if isinstance(values, dict)}
    assert lists == {question: set(values) for question, values in CHOICES.items()}


def test_exactly_these_files(answers: dict[str, str], project: Path) -> None:
    """Every combination renders to the files of all services and those of its answers, each once, and no others."""
    expected = PATHS["all"] + [path for question, value in answers.items() for path in PATHS[question][value]]
    for more in PATHS["together"]:
        if all(value in more.get(question, [value]) for question, value in answers.items()):
            expected += more["paths"]
    assert [name for name, _ in files(project)] == sorted(expected, key=lambda name: Path(name).parts)


def test_no_folder_is_empty_or_left_over(project: Path) -> None:
    """Every folder holds something; options/ and caches are gone."""
    folders = [path for path in project.rglob("*") if path.is_dir()]
    assert project / "src" in folders
    assert [path for path in folders if not any(path.iterdir())] == []
    assert [path for path in folders if path.name in {"options", "__pycache__"}] == []


def test_nothing_of_the_template_is_left(project: Path) -> None:
    """No file shows a brace of Jinja's or the name of an answer; `${{` in workflows is GitHub's own."""
    for name, path in files(project):
        text = path.read_text(encoding="utf-8")
        if name.startswith(".github/workflows/"):
            assert "${{ " in text
            text = text.replace("${{", "")
        assert re.findall(r"\{\{|\{%|\{#|#%|cookiecutter\.\w", text) == [], name


def test_text_files_end_with_one_newline(project: Path) -> None:
    """Each file is UTF-8 with Unix line ends, and ends with one newline or is empty; no line ends in white space."""
    for name, path in files(project):
        text = path.read_bytes().decode("utf-8")
        assert "\r" not in text, name
        assert text == "" or text.rstrip() + "\n" == text, name
        assert [line for line in text.splitlines() if line != line.rstrip()] == [], name


def test_only_these_files_are_executable(project: Path) -> None:
    """The files that may be run are those listed; no other is, and none is a link."""
    assert [name for name, path in files(project) if os.access(path, os.X_OK)] == PATHS["executable"]
    assert [name for name, path in files(project) if path.is_symlink()] == []


@pytest.mark.parametrize("turn", range(max(map(len, CHOICES.values()))))
def test_the_same_answers_give_the_same_bytes(turn: int, cookies: Any, rendered: Callable[..., Path]) -> None:
    """A second render of the same answers, somewhere else, has the same bytes and modes; so for each value."""
    answers = {question: values[turn % len(values)] for question, values in CHOICES.items()}
    assert contents(cookies.bake(extra_context=answers).project_path) == contents(rendered(**answers))


def test_nothing_is_written_outside_the_folder(template: Path, tmp_path: Path, rendered: Callable[..., Path]) -> None:
    """The command, run with other settings than the tests', writes the service and leaves all else as it was."""
    for name in ("home", "working", "out", "temporary"):
        (tmp_path / name).mkdir()
    settings = {"HOME": "home", "TMPDIR": "temporary", "XDG_CONFIG_HOME": "home", "XDG_CACHE_HOME": "home"}
    command = [sys.executable, "-m", "cookiecutter", "--no-input", str(template), "-o", str(tmp_path / "out")]
    before = contents(template)
    subprocess.run(
        command,
        check=True,
        cwd=tmp_path / "working",
        env=os.environ
        | {name: str(tmp_path / folder) for name, folder in settings.items()}
        | {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        capture_output=True,
        timeout=60,
    )
    assert contents(tmp_path / "out" / "payment-service") == contents(rendered())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["payment-service"]
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "working").iterdir()] == []
    # Cookiecutter leaves its copy of each hook in the temporary folder; a hook adds nothing to that.
    left = [path.suffix for path in (tmp_path / "temporary").rglob("*")]
    assert left == [".py"] * len(list((template / "hooks").glob("*.py")))
    assert contents(template) == before
