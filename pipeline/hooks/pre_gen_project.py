"""Refuse bad answers before anything is written: one sentence each, with the expected form and the value given."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
# The answers as given, before Cookiecutter evaluated them. Only hooks that Cookiecutter itself runs get them.
GIVEN = json.loads(r"""{{ _cookiecutter | default({}) | tojson }}""")

LABEL = r"(?![^.:]{64})[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
PORT = r"(6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
RULES = {
    "pipeline_slug": (
        r"(?!.{53})[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "lower-case letters, digits and single hyphens, a letter first, at most 52 characters",
    ),
    "backend_endpoint": (
        r"(?!.{260})" + LABEL + r"(\." + LABEL + ")*:" + PORT,
        "a host and a port without a scheme, such as backend.example.com:4317",
    ),
}
EVALUATED = re.compile(r"\{[%#{]|\A\s*#%")


def problems(answers: Mapping[str, str], given: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each bad answer."""
    for name, (pattern, shape) in RULES.items():
        value = str(answers[name])
        source = str(given.get(name, ""))
        if EVALUATED.search(source):
            value = source  # Cookiecutter made something else of it
        if not re.fullmatch(pattern, value, re.ASCII):
            yield f"{name} must be {shape}, got {value!r}."


def remove_empty(folder: Path, top: Path) -> None:
    """Remove this folder and the ones above it, below `top`, while they are empty."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def main() -> int:
    """Print each problem on standard error. Return 1 if there is one, so that Cookiecutter stops."""
    found = list(problems(ANSWERS, GIVEN))
    for sentence in found:
        print(sentence, file=sys.stderr)
    if "/" in ANSWERS["pipeline_slug"]:  # Cookiecutter removes only one of the folders that the slashes made
        remove_empty(Path.cwd(), Path(ANSWERS.get("_output_dir", ".")).resolve())
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
