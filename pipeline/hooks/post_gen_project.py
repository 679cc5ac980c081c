"""Copy options/<answer>/<value>/ over the project, for the values that were chosen, and delete options/."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")


def main(answers: Mapping[str, str], project: Path) -> None:
    """Copy one folder of each question into the project. They never share a path, so the order does not matter."""
    options = project / "options"
    for question in options.iterdir():
        shutil.copytree(question / answers[question.name], project, dirs_exist_ok=True)
    shutil.rmtree(options)


if __name__ == "__main__":
    main(ANSWERS, Path.cwd())
