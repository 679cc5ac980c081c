"""Render a template once for each job on standard input, as Cookiecutter does, with no question asked and nothing kept."""

import json
import sys
from pathlib import Path
from typing import Any

from cookiecutter import exceptions, generate, prompt, utils


def render(job: dict[str, Any]) -> dict[str, Any]:
    """Write the project of one job; return its folder and all its answers, defaults and computed values included."""
    context = generate.generate_context(job["questions"], extra_context=job["answers"])
    refuse_code(context, job["answers"])
    answers = prompt.prompt_for_config(context, no_input=True)
    context["cookiecutter"] = answers | {"_template": job["source"], "_commit": job["commit"]}
    Path(job["into"]).mkdir()
    folder = generate.generate_files(repo_dir=job["template"], context=context, output_dir=job["into"])
    return {"folder": folder, "context": context["cookiecutter"]}


def refuse_code(context: dict[str, Any], answers: dict[str, Any]) -> None:
    """Raise ValueError for an answer that this template's own Jinja settings would take for code, not for text."""
    environment = utils.create_env_with_context(context)
    for name, value in answers.items():
        if any(kind != "data" for _, kind, _ in environment.lex(str(value))):
            raise ValueError(f"{name} must be text that Jinja does not evaluate, got {value!r}")


if __name__ == "__main__":
    try:
        print(json.dumps([render(job) for job in json.load(sys.stdin)]))
    except (exceptions.CookiecutterException, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(3)  # the answers, or the template, are at fault: another Cookiecutter would say the same
