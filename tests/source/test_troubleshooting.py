"""docs/troubleshooting.md says what the service says: it is written from the same tables."""

import re

from . import troubleshooting
from .table import findings


def test_the_page_is_up_to_date() -> None:
    """The page is what the tables give; `python -m tests.source.troubleshooting` writes it."""
    assert troubleshooting.PAGE.read_text() == troubleshooting.page()


def test_every_key_is_on_the_page_once() -> None:
    """A key from --json leads to one row, and no two kinds of fault share a key."""
    keys = [*troubleshooting.rules(), *troubleshooting.beside()]
    keys += [key for table in ("PATH", "SETTINGS", "PROCESS", "NOTES") for key in findings(table)]
    assert len(keys) == len(set(keys))
    rows = re.findall(r"^\| `([a-z-]+)` \|", troubleshooting.page(), re.MULTILINE)
    assert sorted(rows) == sorted(keys)


def test_no_two_sentences_are_the_same() -> None:
    """Different faults differ in words, not only in what is filled in."""
    said = [
        re.sub(r"\{\w+\}", "", says)
        for table in ("PATH", "SETTINGS", "PROCESS")
        for says, _ in findings(table).values()
    ]
    said.remove("")  # the companion's sentence comes whole from what it needs
    assert len(said) == len(set(said))


def test_a_path_finding_names_where_and_what_to_change() -> None:
    """Each sentence about the path has the address, and each says something about a variable or about the receiver."""
    for key, (says, fix) in findings("PATH").items():
        assert "{address}" in says, key
        named = re.findall(
            r"\{(endpoint|ca|certificate|headers|timeout|proxy)\}|OTEL_\w+|collector|receiver", says + fix
        )
        assert named, key


def test_a_fix_is_for_a_key_that_exists() -> None:
    """No remedy outlives its fault."""
    assert set(findings("FIXES")) <= {*troubleshooting.rules(), *troubleshooting.beside()}
