"""The pipeline's answers: each has a prompt, each value is rendered, and a bad one is refused in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import PIPELINE, ROOT
from .answers import ANSWERS, ASKED, CHOICES, GOOD, hook, sentences

PROMPTS = ANSWERS["__prompts__"]
SLUG = "lower-case letters, digits and single hyphens, a letter first, at most 52 characters"
ENDPOINT = "a host and a port without a scheme, such as backend.example.com:4317"

REFUSED = {
    "pipeline_slug": {
        SLUG: [
            "",
            " ",
            "Otel",
            "otel_pipeline",
            "1otel",
            "-a",
            "a-",
            "a--b",
            "a.b",
            "a/b",
            "../a",
            "x" * 53,
            "ä",
            "a\n",
        ],
    },
    "backend_endpoint": {
        ENDPOINT: [
            "",
            " ",
            "backend.example.com",
            "backend.example.com:",
            ":4317",
            "https://backend.example.com:4317",
            "grpc://backend.example.com:4317",
            "backend.example.com:4317/",
            "backend.example.com:4317\n",
            "backend.example.com:0",
            "backend.example.com:04317",
            "backend.example.com:65536",
            "backend.example.com:٤٣١٧",
            "backend..example.com:4317",
            ".example.com:4317",
            "-a.example.com:4317",
            "a-.example.com:4317",
            "x" * 64 + ".com:4317",
            "a." * 127 + "example:4317",
            "me:secret@backend.example.com:4317",
            "a b:4317",
            "$(HOST):4317",
            "${env:HOST}:4317",
            "'a':4317",
            "bäckend.example.com:4317",
            "[::1]:4317",
        ],
    },
}
ACCEPTED = {
    "pipeline_slug": ["a", "x" * 52, "otel-pipeline-eu", "null", "a1"],
    "backend_endpoint": [
        "backend:1",
        "Backend.Example.com:65535",
        "10.0.0.7:4317",
        "a-b.c:443",
        "x" * 63 + ".com:4317",
    ],
}


@pytest.mark.parametrize(
    ("answer", "shape", "value"),
    [(answer, shape, value) for answer, shapes in REFUSED.items() for shape, bad in shapes.items() for value in bad],
    ids=ascii,
)
def test_a_bad_answer_is_refused_in_one_sentence(answer: str, shape: str, value: str) -> None:
    """The sentence names the answer, the shape and the value."""
    assert sentences({answer: value}) == [f"{answer} must be {shape}, got {value!r}."]


@pytest.mark.parametrize(
    ("answer", "value"), [(answer, value) for answer, good in ACCEPTED.items() for value in good], ids=ascii
)
def test_a_good_answer_is_accepted(answer: str, value: str) -> None:
    """What a platform team may want is not refused."""
    assert sentences({answer: value}) == []


@pytest.mark.parametrize("answer", GOOD)
@pytest.mark.parametrize("given", ["{{ 'otel' }}", "{% raw %}", "{# a #}", " #% set x = 1"])
def test_an_evaluated_answer_is_refused(given: str, answer: str) -> None:
    """An answer that Cookiecutter evaluated is refused, however good the result looks."""
    (sentence,) = sentences({}, given={answer: given})
    assert sentence.startswith(f"{answer} must be ")
    assert sentence.endswith(f", got {given!r}.")


def test_answers_reach_the_hook_as_data() -> None:
    """Quotes and backslashes in an answer do not end the hook's string; cruft hands over no `_cookiecutter`."""
    for value in ('"""', "'''", "\\", '\\"', "😀", "%s"):
        answers = GOOD | {"pipeline_slug": value}
        names = hook(cookiecutter=answers, _cookiecutter=answers)
        assert (names["ANSWERS"], names["GIVEN"]) == (answers, answers)
    assert hook(cookiecutter=GOOD)["GIVEN"] == {}


@pytest.mark.parametrize(
    "answers",
    [
        {"pipeline_slug": "Bad"},
        {"pipeline_slug": "../../a/b"},
        {"pipeline_slug": "a/b/c"},
        {"backend_endpoint": "http://backend:4317"},
        {"backend_endpoint": "{{ 'backend' }}:4317"},
        {"target": "ecs"},
        {"backend_authentication": "password"},
    ],
    ids=str,
)
def test_a_bad_answer_leaves_nothing(
    answers: dict[str, str], cookies: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command fails, one sentence names the answer, and no file or folder is left."""
    bake = cookies.bake(extra_context=answers, template=str(PIPELINE))
    assert bake.exception is not None
    said = capfd.readouterr().err + str(bake.exception)
    assert next(iter(answers)) in said
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} <= {"cookies", "cookies/bake00"}


def test_the_command_of_the_readme_renders_it(tmp_path: Path, pipelines: Callable[..., Path]) -> None:
    """`cookiecutter TEMPLATE --directory pipeline` asks each question and renders what the tests look at."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--directory", "pipeline", "-o", str(tmp_path)]
    assert (
        "uvx cookiecutter gh:your-org/cookiecutter-otel-service --directory pipeline"
        in (ROOT / "README.md").read_text()
    )
    done = subprocess.run(command, input="\n" * len(ASKED), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.relative_to(tmp_path / "otel-pipeline"): path.read_bytes() for path in files(tmp_path)}
    assert made == {path.relative_to(pipelines()): path.read_bytes() for path in files(pipelines())}
    for prompt in PROMPTS.values():
        assert (prompt if isinstance(prompt, str) else prompt["__prompt__"]) in " ".join(done.stdout.split())


def files(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_every_answer_has_a_prompt_and_every_choice_a_label() -> None:
    """Each question is in words; each label says what the value is and when to choose it."""
    assert [*PROMPTS] == ASKED
    for name, prompt in PROMPTS.items():
        labels = {} if isinstance(prompt, str) else dict(prompt)
        question = labels.pop("__prompt__", prompt)
        assert "?" in question
        assert [*labels] == CHOICES.get(name, [])
        assert all(": " in label and "; " in label for label in labels.values())
        assert "[" not in question + "".join(labels.values())  # the prompts' library takes brackets for colours


def test_every_choice_is_a_word() -> None:
    """Values are lower-case words, and each target has a folder of its own name."""
    assert all(value.isalpha() and value.islower() for values in CHOICES.values() for value in values)
    rooms = PIPELINE / "{{cookiecutter.pipeline_slug}}" / "options"
    assert {path.name for path in rooms.iterdir()} == {"target"}
    assert {path.name for path in (rooms / "target").iterdir()} == set(CHOICES["target"])
