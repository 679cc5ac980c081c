"""The questions as a person sees them: a prompt for every answer, a label for every choice, and typing works."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import ROOT
from .structure import structure

ANSWERS = json.loads((ROOT / "cookiecutter.json").read_text())
PROMPTS = ANSWERS["__prompts__"]
ASKED = [name for name in ANSWERS if name[0] != "_"]


def cookiecutter(template: Path, into: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with lines typed at its prompts; the result holds its exit status and all that it printed."""
    into.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(template), "--output-dir", str(into), *arguments],
        check=False,
        input=typed,
        env=os.environ | {"PYTHONUTF8": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
    )


def test_every_answer_has_a_prompt() -> None:
    """Every answer, and nothing else, has a question in words."""
    assert [*PROMPTS] == ASKED
    for name, prompt in PROMPTS.items():
        question = prompt if isinstance(prompt, str) else prompt["__prompt__"]
        assert "?" in question, name


def test_every_choice_has_a_label() -> None:
    """Each value of a choice, and nothing else, has a label that says what it is and when to choose it."""
    for name in ASKED:
        if isinstance(ANSWERS[name], list):
            labels = {value: label for value, label in PROMPTS[name].items() if value != "__prompt__"}
            assert [*labels] == ANSWERS[name]
            assert all(": " in label for label in labels.values())
            assert len({*labels.values()}) == len(labels)


def test_no_prompt_is_read_as_markup() -> None:
    """No prompt holds square brackets, which the prompts' library takes for colours."""
    words = [line for prompt in PROMPTS.values() for line in ([prompt] if isinstance(prompt, str) else prompt.values())]
    assert [line for line in words if "[" in line] == []


def test_enter_takes_every_default(template: Path, tmp_path: Path, rendered: Callable[..., Path]) -> None:
    """Enter at each prompt renders what `--no-input` renders; each question and each label was shown."""
    done = cookiecutter(template, tmp_path / "out", typed="\n" * len(ASKED))
    assert done.returncode == 0, done.stdout
    assert structure(tmp_path / "out" / "payment-service") == structure(rendered())
    for prompt in PROMPTS.values():
        for words in [prompt] if isinstance(prompt, str) else prompt.values():
            assert words in done.stdout


def test_what_is_typed_is_taken_literally(template: Path, tmp_path: Path) -> None:
    """Typed text stands in the service letter for letter, markup included, and slug and package follow the name."""
    text = '[b]支付[/] 👩‍👩‍👧 \\ "it\'s" }} {x}'
    last = len(ANSWERS["otlp_protocol"])
    done = cookiecutter(template, tmp_path / "out", typed=f"3D {text}\n\n\n{text}\nteam-a\n\n{last}\n\n")
    assert done.returncode == 0, done.stdout
    project = tmp_path / "out" / "service-3d-b-zhi-fu-it-s-x"
    pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (pyproject["name"], pyproject["description"]) == (project.name, text)
    assert (project / "README.md").read_text(encoding="utf-8").startswith(f"# 3D {text}\n\n{text}\n")
    assert any(f"exporter-otlp-proto-{ANSWERS['otlp_protocol'][-1]}" in item for item in pyproject["dependencies"])


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [([], "\n\n\n{{ 7*7 }}\n\n\n\n\n"), (["--no-input", "description={{ 7*7 }}"], "")],
    ids=["typed", "given"],
)
def test_the_command_fails_when_an_answer_is_bad(
    arguments: list[str], typed: str, template: Path, tmp_path: Path
) -> None:
    """Typed or given, a bad answer ends the command with status 1, its sentence and an empty output folder."""
    done = cookiecutter(template, tmp_path / "out", *arguments, typed=typed)
    assert done.returncode == 1
    assert done.stdout.count("description must be text without a brace before a {, % or #") == 1
    assert [*(tmp_path / "out").iterdir()] == []
