"""The questions of the second template, and its pre hook as Cookiecutter renders it."""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..conftest import PIPELINE

ANSWERS: dict[str, Any] = json.loads((PIPELINE / "cookiecutter.json").read_text())
ASKED = [name for name in ANSWERS if name[0] != "_"]
CHOICES = {name: ANSWERS[name] for name in ASKED if isinstance(ANSWERS[name], list)}
COMBINATIONS = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
GOOD = {"pipeline_slug": "otel-pipeline", "backend_endpoint": "backend.example.com:4317"}


def hook(**context: Any) -> dict[str, Any]:
    """Return the names that the hook, rendered from the context, defines."""
    environment = Environment(undefined=StrictUndefined, line_statement_prefix="#%", keep_trailing_newline=True)
    source = (PIPELINE / "hooks" / "pre_gen_project.py").read_text()
    names: dict[str, Any] = {"__name__": "pre_gen_project"}
    exec(environment.from_string(source).render(**context), names)  # noqa: S102, our own code
    return names


def sentences(answers: Mapping[str, str], given: Mapping[str, str] | None = None) -> list[str]:
    """Return what the hook says of good answers, except for `answers`, which were given as `given`."""
    return [*hook(cookiecutter=GOOD)["problems"](GOOD | dict(answers), given or {})]
