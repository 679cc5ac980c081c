"""docs/troubleshooting.md says what the service says: it is written from the same tables."""

import importlib
import re

import pytest

from . import troubleshooting
from .settings import settings
from .table import findings


def test_the_page_is_up_to_date() -> None:
    """The page is what the tables give; `python -m tests.source.troubleshooting` writes it."""
    assert troubleshooting.PAGE.read_text() == troubleshooting.page()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_page_says_what_each_rule_says(protocol: str) -> None:
    """Each rule stands on the page in the words of the ERROR, with either protocol."""
    for rule in settings(protocol).RULES:
        assert rule.expected in troubleshooting.rules()[rule.key][1], rule.key


def test_a_computed_expectation_is_what_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new rule stands on the page in its own words, however its expectation is written."""
    for protocol in ("grpc", "http"):
        rules = importlib.import_module(f"{settings(protocol).__name__}.rules")
        expected = " or ".join(("red", f"{protocol}-green"))
        new = rules.Rule("colour", "COLOUR", bool, expected)
        monkeypatch.setattr(settings(protocol), "RULES", (*settings(protocol).RULES, new))
    row = "| `colour` | `OTEL_COLOUR` | red or grpc-green (OTLP over HTTP: red or http-green) |"
    assert row in troubleshooting.page()


def test_every_key_is_on_the_page_once() -> None:
    """A key from --json leads to one row, and no two kinds of fault share a key."""
    keys = [*troubleshooting.rules(), *troubleshooting.reasons()]
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
    assert set(findings("FIXES")) <= {*troubleshooting.rules(), *troubleshooting.reasons()}
