"""Check the answers that a service records. Cookiecutter runs what stands between braces."""

import re
from collections.abc import Mapping
from typing import Any

from .printing import UNPRINTABLE, shown
from .repository import RefusedError

# What Jinja evaluates: braces anywhere, and this template's line statements.
EVALUATED = re.compile(r"\{[%#{]|^\s*#[%]")
CODE = "{{, {%, {# or a leading #%"
# The hook's own shapes. Cookiecutter makes folders with these names before any hook runs.
SHAPES = {
    "project_slug": re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"),
    "package_name": re.compile(r"[a-z][a-z0-9_]*"),
}
SHAPE_WORDS = {
    "project_slug": "lower-case letters, digits and single hyphens, a letter first",
    "package_name": "a lower-case Python identifier",
}
LONGEST_NAME = 52
# What no update can change, because people have written code since.
FIXED = {
    "framework": "your code is written for it. Make a new service and move your code",
    "project_slug": "it is the service's name wherever it runs",
    "package_name": "your code imports it. Rename the package in your code first, and commit that",
}
# Cookiecutter's defaults for these would be wrong in an existing service.
NEEDED = ("project_slug", "package_name", "description", "team", "otlp_protocol")
# make and the shell would change, or run, any other text.
SAFE_TEXT = re.compile(r"[\w=., -]+", re.ASCII)


def public(
    context: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the answers that a person gave or could have given."""
    return {name: value for name, value in context.items() if name[:1] != "_"}


def checked(
    answers: Mapping[str, Any],
    source: str,
) -> dict[str, Any]:
    """Return the answers. Raise RefusedError for one that is code, or not one line of text."""
    for name, value in answers.items():
        check(name, value, source)
    return dict(answers)


def check(
    name: str,
    value: object,
    source: str,
) -> None:
    """Raise RefusedError for an answer that is code, or not one line of text."""
    where = f"{shown(name)} in {source}"
    if not isinstance(value, (str, bool)):
        raise RefusedError(f"{where} must be text, got {shown(value)}.")
    text = str(value)
    if EVALUATED.search(text):
        raise RefusedError(
            f"{where} must be text without {CODE}, "
            f"which Cookiecutter runs as code, got {shown(text)}."
        )
    if UNPRINTABLE.search(text + name):
        raise RefusedError(f"{where} must be one line of printable text, got {shown(text)}.")
    if name not in SHAPES:
        return
    if len(text) > LONGEST_NAME or not SHAPES[name].fullmatch(text):
        words = SHAPE_WORDS[name]
        raise RefusedError(
            f"{name} in {source} must be {words}, "
            f"at most {LONGEST_NAME} characters, got {shown(text)}."
        )


def agreed(
    answers: Mapping[str, Any],
    others: Mapping[str, Any],
    given: Mapping[str, str],
    sources: tuple[str, str],
    edited: bool,
) -> dict[str, Any]:
    """Return the answers that the code was made with, from two records.

    Raise RefusedError if the records differ and the command line does not decide. If it does, the
    other record tells what the code still is. `edited`: the first record is an edited version of
    the second one, so that one tells.
    """
    first, second = sources
    result = {**others, **answers}
    for name, value in answers.items():
        other = others.get(name, value)
        if other == value:
            continue
        if name not in given:
            raise RefusedError(
                f"{name} is {shown(value)} in {first} and {shown(other)} in {second}. "
                f"{repair(name, value)}"
            )
        if edited or given[name] == value:
            result[name] = other
    return result


def repair(name: str, value: object) -> str:
    """Return how to change an answer in the files and in the records, by one command."""
    if name in FIXED:
        return (
            f"Put the right one back: {name} cannot be changed in an existing service, "
            f"because {FIXED[name]}."
        )
    text = f"{name}={value}"
    if not SAFE_TEXT.fullmatch(text):
        return "Put the right one into both files."
    if " " in text:
        text = f"'{text}'"
    return f'Change an answer by the command, not in a file: make update ARGS="{text}".'
