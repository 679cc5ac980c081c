"""The house: a room for every offered value, no path in two rooms, hooks that only check and move."""

import sys
from itertools import combinations
from pathlib import Path

import pytest

from . import template

QUESTIONS = ("framework", "otlp_protocol", "deployment")


def test_a_room_for_every_offered_value() -> None:
    """options/ holds a room with files for every offered value of the three choices, and nothing else."""
    rooms: dict[str, set[str]] = {}
    for path in template.files():
        if template.room(path):
            question, value = template.room(path)
            rooms.setdefault(question, set()).add(value)
    assert rooms == {question: set(template.ANSWERS[question]) for question in QUESTIONS}
    found = {str(path.relative_to(template.PROJECT / "options")) for path in template.PROJECT.glob("options/*/*")}
    assert found == {f"{question}/{value}" for question, values in rooms.items() for value in values}
    assert {path.name for path in template.PROJECT.glob("options/*")} == set(rooms)


def test_the_choices_are_the_rooms() -> None:
    """No other answer is a choice, and each value is a lower-case word, like its folder."""
    choices = {name: values for name, values in template.ANSWERS.items() if isinstance(values, list) and name[0] != "_"}
    assert set(choices) == set(QUESTIONS)
    assert all(value.isalpha() and value.islower() for values in choices.values() for value in values)


def test_rooms_never_share_a_path() -> None:
    """A file of a room has a place that neither the root nor a room of another question has."""
    places: dict[str, set[str]] = {}
    for path in template.files():
        places.setdefault("".join(template.room(path)[:1]), set()).add(template.place(path))
    assert set(places) == {"", *QUESTIONS}
    assert {(a, b): places[a] & places[b] for a, b in combinations(places, 2) if places[a] & places[b]} == {}


@pytest.mark.parametrize("hook", template.HOOKS, ids=lambda path: path.stem)
def test_hooks_import_the_standard_library_only(hook: Path) -> None:
    """A hook runs wherever Cookiecutter does: it imports nothing that has to be installed."""
    modules = {name.partition(".")[0] for level, name in template.imports(hook) if not level}
    assert "json" in modules
    assert modules <= sys.stdlib_module_names


@pytest.mark.parametrize("hook", template.HOOKS, ids=lambda path: path.stem)
def test_hooks_reach_nothing(hook: Path) -> None:
    """A hook starts no process and opens no connection."""
    modules = {name.partition(".")[0] for _, name in template.imports(hook)}
    assert modules <= {"collections", "json", "keyword", "pathlib", "re", "shutil", "sys"}
