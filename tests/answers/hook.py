"""The pre hook as Cookiecutter renders it, without its being run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

HOOK = Path(__file__).resolve().parents[2] / "hooks" / "pre_gen_project.py"

# The shapes that more than one test names, as a person reads them.
LINE = "one line of text, at most 200 characters"
LITERAL = "text without a brace before a {, % or #, which Cookiecutter evaluates"
SLUG = "lower-case letters, digits and single hyphens, a letter first, at most 52 characters"

GOOD = {
    "project_name": "Payment Service",
    "project_slug": "payment-service",
    "package_name": "payment_service",
    "description": "Takes payments.",
    "team": "platform",
}


def loaded(**context: Any) -> dict[str, Any]:
    """Return the names that the hook, rendered from the context, defines."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    names: dict[str, Any] = {"__name__": "pre_gen_project"}
    exec(environment.from_string(HOOK.read_text()).render(**context), names)  # noqa: S102, our own code
    return names


NAMES = loaded(cookiecutter=GOOD)


def sentences(answers: Mapping[str, str], given: Mapping[str, str] | None = None) -> list[str]:
    """Return what the hook says of good answers but for `answers`, which were given as `given`."""
    return [*NAMES["problems"](GOOD | dict(answers), given or {})]
