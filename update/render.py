"""Render a template once for each job on standard input, as Cookiecutter does, without questions.

Another Python runs this file: one that has Cookiecutter.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cookiecutter import exceptions, generate, prompt, utils

# The answers or the template are wrong: another Cookiecutter would say the same.
WRONG = 3


def render(job: dict[str, Any]) -> dict[str, Any]:
    """Write the project of one job; return its folder and all answers, computed ones included."""
    answers = job["answers"]
    context = generate.generate_context(job["questions"], extra_context=answers)
    refuse_code(context, answers)
    given = prompt.prompt_for_config(context, no_input=True)
    given["_template"] = job["source"]
    given["_commit"] = job["commit"]
    context["cookiecutter"] = given
    Path(job["into"]).mkdir()
    folder = generate.generate_files(
        repo_dir=job["template"],
        context=context,
        output_dir=job["into"],
    )
    return {"folder": folder, "context": given}


def refuse_code(context: dict[str, Any], answers: dict[str, Any]) -> None:
    """Raise ValueError for an answer that is code by the template's own settings for Jinja."""
    environment = utils.create_env_with_context(context)
    for name, value in answers.items():
        for _, kind, _ in environment.lex(str(value)):
            if kind != "data":
                raise ValueError(f"{name} must be text that Jinja does not evaluate, got {value!r}")


def main() -> int:
    """Render all jobs, print their folders and answers as JSON; return the exit status."""
    try:
        results = [render(job) for job in json.load(sys.stdin)]
    except (exceptions.CookiecutterException, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
