"""A bad answer is refused in one sentence that names the shape wanted and the value given."""

import json
import keyword
import sys
from typing import Any

import pytest

from ..conftest import ROOT
from .hook import GOOD, LINE, LITERAL, NAMES, SLUG, loaded, sentences

IDENTIFIER = "a lower-case Python identifier"
LABEL = "lower-case letters, digits and hyphens between them, at most 63 characters"
FREE = "a name that no package, module or command in its environment has"
STDLIB = "a name that Python's standard library does not use"

NO_LINE = [
    "",
    " ",
    "\t",
    "\u2003\u00a0",
    "a\nb",
    "a\n",
    "a\rb",
    "a\tb",
    "a\0b",
    "a\x7fb",
    "a\x85b",
    "a\x9bb",
    "x" * 201,
]
NO_LINE += ["a\u2028b", "a\u2029b", "\ud83d", "a\udcff", "a\uffff"]
NO_SLUG = ["", " ", "a b", "a\n", "a\0", "x" * 53, "Payment", "payment_service", "支付", "ä", "٣a", "a٣", "{{ x }}"]
NO_SLUG += ["1payment", "-a", "a-", "a--b", "a.b", "a/b", "../a", ".", "..", "~", "a:b"]
NOT_FREE = ["activate", "celery", "fastapi", "flask", "grpcio", "hatchling", "mypy", "opentelemetry", "pip", "protobuf"]
NOT_FREE += ["opentelemetry-sdk", "pytest", "pytest-xdist", "python", "python3", "redis", "ruff", "tests", "uvicorn"]

REFUSED = {
    "project_name": {LINE: NO_LINE, LITERAL: ["{{ x }}", "{{", "{%", "{% raw %}", "{#", "a {# b #}", "{{{"]},
    "project_slug": {SLUG: NO_SLUG, FREE: NOT_FREE},
    "package_name": {
        IDENTIFIER: ["", "Bad-Name", "bad-name", "1a", "_a", "a b", "a.b", "ä", "支付", "a\n", "A", "a٣", "__init__"],
        "at most 52 characters long": ["x" * 53],
        "a name that is not a Python keyword": ["import", "class", "async", "def", "lambda"],
        STDLIB: ["json", "logging", "asyncio", "email", "test", "this", "distutils", "cgi", "compression", "tomllib"],
        FREE: ["fastapi", "opentelemetry", "opentelemetry_sdk", "grpc", "google", "requests", "yaml", "tests", "six"],
    },
    "team": {LABEL: ["", " ", "Platform", "team_a", "-a", "a-", "a b", "a.b", "ä", "a\n", "x" * 64, "a/b", "{{ x }}"]},
}
REFUSED["description"] = REFUSED["project_name"]

ACCEPTED = {
    "project_name": ["x", "x" * 200, "é" * 200, "支付", "👩‍👩‍👧", "{ } }} %} #}", "100 % $x \\ \"'", " a "],
    "project_slug": [
        "a",
        "x" * 52,
        "a-b-c",
        "a1",
        "a-1",
        "json",
        "import",
        "pythonic",
        "click-counter",
        "fastapi-shop",
    ],
    "package_name": ["a", "x" * 52, "a_b_c", "a1", "a__b", "a_", "match", "type", "payments", "telemetry", "src"],
    "team": ["a", "1", "x" * 63, "a--b", "0x10", "null", "payments-eu"],
}


@pytest.mark.parametrize(
    ("answer", "shape", "value"),
    [(answer, shape, value) for answer, rules in REFUSED.items() for shape, bad in rules.items() for value in bad],
    ids=ascii,
)
def test_a_bad_answer_is_refused_in_one_sentence(answer: str, shape: str, value: str) -> None:
    """Each bad value of each answer gives exactly this sentence, on one line."""
    (sentence,) = sentences({answer: value})
    assert sentence == f"{answer} must be {shape}, got {value!r}."
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "value"), [(answer, value) for answer, good in ACCEPTED.items() for value in good], ids=ascii
)
def test_a_good_answer_is_accepted(answer: str, value: str) -> None:
    """What a person may well want is not refused."""
    assert sentences({answer: value}) == []


def test_every_bad_answer_is_told_at_once() -> None:
    """Each of several bad answers has its sentence, in the order of the questions."""
    bad = {"project_slug": "Bad Slug", "package_name": "Bad-Name", "team": "", "description": "\n"}
    told = sentences(bad)
    assert told[1] == "package_name must be a lower-case Python identifier, got 'Bad-Name'."
    assert [sentence.split()[0] for sentence in told] == ["project_slug", "package_name", "description", "team"]


@pytest.mark.parametrize("answer", GOOD)
def test_an_evaluated_answer_is_refused(answer: str) -> None:
    """What Cookiecutter made something else of is refused by what was given, however good the result looks."""
    given = "{{ 'a' * 3 }}"
    assert sentences({answer: "aaa"}, given={answer: given}) == [f"{answer} must be {LITERAL}, got {given!r}."]


@pytest.mark.parametrize("answer", GOOD)
def test_a_line_statement_is_refused(answer: str) -> None:
    """This template's statements begin with #%: Cookiecutter evaluates one that is an answer, and nothing is left of it."""
    told = sentences({answer: ""}, given={answer: " #% set x = 1"})
    assert told == [
        f"{answer} must be text that does not begin with #%, which Cookiecutter evaluates, got ' #% set x = 1'."
    ]


def test_a_derived_default_is_not_an_evaluated_answer() -> None:
    """The template's own expressions pass, as Cookiecutter hands them over for answers that were not given."""
    defaults = json.loads((ROOT / "cookiecutter.json").read_text())
    assert "{{" in defaults["project_slug"]
    assert sentences({}, given={answer: defaults[answer] for answer in GOOD}) == []


def test_every_question_in_words_has_rules() -> None:
    """Every answer that is not a choice is checked."""
    defaults = json.loads((ROOT / "cookiecutter.json").read_text())
    assert [*NAMES["RULES"]] == [
        name for name, default in defaults.items() if isinstance(default, str) and name[0] != "_"
    ]


def test_keywords_and_standard_library_are_refused_whole() -> None:
    """No keyword and no module of this Python's standard library is a package's name."""
    names = {*keyword.kwlist, *sys.stdlib_module_names}
    assert [name for name in names if not sentences({"package_name": name})] == []


@pytest.mark.parametrize(
    "value", ['"""', "'''", "\\", '\\"', '""', "\\\\'", "</script>", "\u2028", "😀", "\ud83d", "%s"]
)
def test_answers_reach_the_hook_as_data(value: str) -> None:
    """Whatever an answer holds, the hook reads back the same text."""
    answers: dict[str, Any] = GOOD | {"description": value}
    names = loaded(cookiecutter=answers, _cookiecutter=answers)
    assert names["ANSWERS"] == answers
    assert names["GIVEN"] == answers


def test_a_tool_that_does_not_hand_over_what_was_given_is_served() -> None:
    """cruft renders the hook without `_cookiecutter`; the answers are checked all the same."""
    assert loaded(cookiecutter=GOOD)["GIVEN"] == {}
