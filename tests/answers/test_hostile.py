"""Hostile answers: each renders a service that says exactly them, or is refused with nothing written."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from .hook import LINE, LITERAL, SLUG
from .structure import structure, substituted

# Words that stand for answers in one render; another render must be the same but for them.
MARKS = {answer: f"zq{answer.replace('_', '')}" for answer in ("project_name", "project_slug", "package_name")}
MARKS |= {"description": "zqdescription", "team": "zqteam"}

TEXTS = {
    "single quotes": "it's 'ours'",
    "double quotes": 'says "pay" and "now"',
    "all quotes": '"it\'s" """both""" \'\'\'kinds\'\'\' "',
    "backslashes": r"C:\new\table \u0041 \x %s \\"[:-1],
    "braces and signs": "{ a } {a: 1} }} %} #} ${HOME} $(id) `id` 100 % %(x)s & | < ! *",
    "letters": "Köln Сервис \u2013 \u2018и\u2019 \u00d7 支付 e\u0301",
    "emoji and directions": "😀 👩\u200d👩\u200d👧 \u202e\u05e9\u05d9\u05e8\u05d5\u05ea\u202c عربي a\u200bb\u00a0c\u3000d",
    "YAML, TOML, HTML": "- a: b = 1 # [c] <b>&amp;</b> --> ]]>",
    "null": "null",
    "number": "0x10",
    "200 letters": "é" * 200,
    "200 quotes": '"' * 200,
}


# Names that YAML would take for something else.
TEAMS = ("null", "007", "0x10", "1e3", "on", "2026-11-23")


@pytest.fixture(scope="module")
def marked(rendered: Callable[..., Path]) -> dict[str, Any]:
    """Return the structure of a service whose answers are the marks."""
    return structure(rendered(**MARKS))


@pytest.fixture(scope="module")
def bakes(cookies_session: Any) -> dict[str, Any]:
    """Return the bake of each text, given as the name and the description, for one team after the other."""
    return {
        label: cookies_session.bake(extra_context={"project_name": text, "description": text, "team": team})
        for (label, text), team in zip(TEXTS.items(), cycle(TEAMS), strict=False)
    }


@pytest.mark.parametrize("label", TEXTS)
def test_the_service_says_exactly_the_answers(label: str, bakes: dict[str, Any], marked: dict[str, Any]) -> None:
    """Every file parses, and parses to the same as a plain service's, with these answers in their places."""
    bake = bakes[label]
    assert bake.exception is None
    assert bake.context["description"] == TEXTS[label]
    values = {mark: bake.context[answer] for answer, mark in MARKS.items()}
    assert structure(bake.project_path) == substituted(marked, values)


@pytest.mark.parametrize("label", TEXTS)
def test_the_description_is_in_pyproject(label: str, bakes: dict[str, Any]) -> None:
    """pyproject.toml has the description, the name and the command, letter for letter."""
    slug, package = (bakes[label].context[answer] for answer in ("project_slug", "package_name"))
    project = tomllib.loads((bakes[label].project_path / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["description"]) == (slug, TEXTS[label])
    assert project["scripts"] == {slug: f"{package}.__main__:main"}


def test_the_code_passes_its_own_linter(bakes: dict[str, Any]) -> None:
    """Whatever the answers, `ruff check` and `ruff format --check` find nothing in a fresh service."""
    projects = [str(bake.project_path) for bake in bakes.values()]
    for command in (["check", "--quiet"], ["format", "--check"]):
        run = [sys.executable, "-m", "ruff", *command, "--no-cache", *projects]
        done = subprocess.run(run, check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout if done.returncode else "") == (0, "")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"description": ""}, f"description must be {LINE}, got ''."),
        ({"description": "a\nb"}, f"description must be {LINE}, got 'a\\nb'."),
        ({"description": "a\0b"}, f"description must be {LINE}, got 'a\\x00b'."),
        ({"project_name": "\t"}, f"project_name must be {LINE}, got '\\t'."),
        ({"project_name": "Import"}, "package_name must be a name that is not a Python keyword, got 'import'."),
        (
            {"project_name": "Json"},
            "package_name must be a name that Python's standard library does not use, got 'json'.",
        ),
        ({"package_name": "Bad-Name"}, "package_name must be a lower-case Python identifier, got 'Bad-Name'."),
        (
            {"project_slug": "fastapi", "package_name": "shop"},
            "project_slug must be a name that no package, module or command in its environment has, got 'fastapi'.",
        ),
        (
            {"description": "{{ 7*7 }}"},
            f"description must be {LITERAL}, got '{{{{ 7*7 }}}}'.",
        ),
        (
            {"project_slug": "a/b/c", "package_name": "shop"},
            f"project_slug must be {SLUG}, got 'a/b/c'.",
        ),
        (
            {"project_slug": "../../a/b", "package_name": "shop"},
            f"project_slug must be {SLUG}, got '../../a/b'.",
        ),
    ],
    ids=str,
)
def test_a_bad_answer_leaves_nothing(
    answers: dict[str, str], sentence: str, cookies: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A bad answer gives its sentence on standard error and leaves the output folder, and those above it, as they were."""
    bake = cookies.bake(extra_context=answers)
    assert bake.exception is not None
    assert capfd.readouterr().err.splitlines() == [sentence]
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["cookies", "cookies/bake00"]


@pytest.mark.parametrize(
    "text", ["{{ x }}", "{{ 7*7 }}", "{{", "{%", "{% raw %}", "{# a #}", "{#", "#% set x = 1", "  #%"]
)
def test_nothing_is_evaluated_in_silence(text: str, cookies: Any, tmp_path: Path) -> None:
    """A text that Cookiecutter would evaluate fails, and leaves nothing."""
    assert cookies.bake(extra_context={"description": text}).exception is not None
    assert [path for path in tmp_path.rglob("*") if path.name != "cookies" and path.name != "bake00"] == []


@pytest.mark.parametrize("slug", ["", ".", "..", "x" * 300, "a\0b"], ids=ascii)
def test_a_slug_that_is_no_folder_leaves_nothing(slug: str, cookies: Any, tmp_path: Path) -> None:
    """Where Cookiecutter itself cannot make the folder, it fails before the hook, and nothing is left either."""
    assert cookies.bake(extra_context={"project_slug": slug}).exception is not None
    assert [path for path in tmp_path.rglob("*") if path.name != "cookies" and path.name != "bake00"] == []


def test_a_choice_that_is_not_offered_leaves_nothing(
    choices: dict[str, list[str]], cookies: Any, tmp_path: Path
) -> None:
    """Cookiecutter refuses a value that is not in the list, by its name."""
    for question in choices:
        bake = cookies.bake(extra_context={question: "unheard-of"})
        assert "unheard-of provided for choice variable " + question in str(bake.exception)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_mark_is_somewhere(marked: dict[str, Any]) -> None:
    """The marks reach the service, every one, so that comparing with them means something."""
    text = repr(marked)
    assert [mark for mark in MARKS.values() if mark not in text] == []
