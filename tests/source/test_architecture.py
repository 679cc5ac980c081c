"""docs/architecture.md names the modules that exist, and the imports that they have."""

import re

import pytest

from . import architecture, template

TABLE = re.compile(r"^\| `(telemetry/[\w/]+\.py)` \| (\w+) \| .+ \| (.+) \|$", re.MULTILINE)


def test_the_page_is_up_to_date() -> None:
    """`python -m tests.source.architecture` has nothing to change."""
    assert architecture.PAGE.read_text() == architecture.page()


def test_every_module_is_listed_once() -> None:
    """The table has one row for each file of telemetry/, and none for a file that is gone."""
    files = [(architecture.place(path), *template.room(path)[1:]) for path in template.python(template.TELEMETRY)]
    rows = [(module,) if services == "all" else (module, services) for module, services, _ in listed()]
    assert sorted(rows) == sorted(files)


def test_every_path_that_the_text_names_exists() -> None:
    """A path in the hand-written text is a file or a folder of the template."""
    text, _, _ = architecture.PAGE.read_text().partition(architecture.BEGIN)
    named = set(re.findall(r"`((?:telemetry|hooks|fleet|options|templates|tests|\.template)/[\w./-]*)`", text))
    places = {architecture.place(path) for path in template.files()}
    folders = {place[: index + 1] for place in places for index, letter in enumerate(place) if letter == "/"}
    roots = (template.ROOT, template.PROJECT)
    known = {path for path in named if path in places | folders or any((root / path).exists() for root in roots)}
    assert "telemetry/export/otlp.py" in known
    assert named - known == set()


def test_every_step_of_a_span_is_reached() -> None:
    """Each module in the path of a span is imported, at some distance, by telemetry/__init__.py or is that file."""
    text, _, _ = architecture.PAGE.read_text().partition("## The path of a render")
    steps = set(re.findall(r"^\| \d+ \| `(telemetry/[\w/]+\.py)`", text, re.MULTILINE))
    assert len(steps) > 5
    reached = {"telemetry/__init__.py"}
    arrows = {module: set(re.findall(r"`([\w/]+\.py)`", imports)) for module, _, imports in listed()}
    for _ in arrows:
        reached |= {f"telemetry/{name}" for module in reached for name in arrows[module]}
    assert steps - reached == set()


def test_an_import_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative import of something that is no module ends the run, and is not left out."""
    path = template.python(template.TELEMETRY + "providers.py")[0]
    monkeypatch.setattr(template, "imports", lambda _: iter([(1, "nowhere.thing")]))
    with pytest.raises(AssertionError, match=r"telemetry/providers.py imports nowhere\.thing"):
        architecture.imports(path)


def listed() -> list[tuple[str, str, str]]:
    """Return module, services and imports of each row."""
    return TABLE.findall(architecture.PAGE.read_text())
