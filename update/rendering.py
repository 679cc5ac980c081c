"""Render versions of the template by the first Cookiecutter that can be run."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .origin import Origin
from .repository import ENVIRONMENT, RefusedError
from .template import Template

COOKIECUTTER = "2.7.1"
PYTHONS = (
    ["uvx", "--quiet", "--from", f"cookiecutter=={COOKIECUTTER}", "python"],
    [sys.executable],
    ["python3"],
)
PROGRAM = Path(__file__).with_name("render.py")
# The exit status of render.py if the answers or the template are wrong.
WRONG = 3


class Render(NamedTuple):
    """The folder of a rendered service and all its answers."""

    folder: Path
    answers: dict[str, Any]


def environment(scratch: Path) -> dict[str, str]:
    """Return variables with which neither a person's Cookiecutter nor the service is written to."""
    config = scratch / "config.json"
    folders = {
        "cookiecutters_dir": f"{scratch}/c",
        "replay_dir": f"{scratch}/r",
    }
    config.write_text(json.dumps(folders))
    return ENVIRONMENT | {
        "COOKIECUTTER_CONFIG": str(config),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def rendered(
    template: Template,
    origin: Origin,
    *wanted: tuple[str, Mapping[str, Any]],
) -> list[Render]:
    """Render commits of the template, each with the service's answers and others."""
    jobs = []
    for commit, answers in wanted:
        job = {
            "template": str(template.checkout(commit)),
            "questions": str(template.questions_file(commit)),
            "commit": commit,
            "source": origin.template,
            "answers": origin.answers | dict(answers),
            "into": tempfile.mkdtemp(dir=template.scratch) + "/render",
        }
        jobs.append(job)
    results = json.loads(run(jobs, template.scratch))
    return [Render(Path(each["folder"]), each["context"]) for each in results]


def run(
    jobs: list[dict[str, Any]],
    scratch: Path,
) -> str:
    """Run render.py by the first Python that can; return what it prints."""
    # In a folder of its own it reads no module and no configuration file of the service.
    alone = scratch / "render"
    alone.mkdir(exist_ok=True)
    shutil.copy(PROGRAM, alone)
    failures = []
    for python in PYTHONS:
        try:
            done = subprocess.run(
                [*python, str(alone / PROGRAM.name)],
                cwd=alone,
                input=json.dumps(jobs),
                env=environment(scratch),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            failures.append(str(error))
            continue
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.strip()
        if done.returncode == WRONG:
            reason = said.partition("Stopping generation")[0].strip()
            raise RefusedError(f"the template cannot be rendered with these answers:\n{reason}")
        failures.append(said.splitlines()[-1] if said else f"exit {done.returncode}")
    raise RefusedError("Cookiecutter is needed and cannot be run: " + "; ".join(failures))
