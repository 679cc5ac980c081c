"""Read the files in which a service records its template and its answers. They are data.

Everything that comes from the service is checked before anything is cloned or rendered. A commit
may look like an option of Git, and a folder may lead out of the template.
"""

import json
import re
from pathlib import Path
from typing import Any

from .answers import checked, public
from .printing import UNPRINTABLE, shown
from .repository import RefusedError, git

MEMORY = ".cruft.json"
RECORD = ".template/answers.json"
# Bytes of a file that is read. Records have a few hundred.
LARGEST = 1_000_000


def inside(service: Path, name: str) -> bytes:
    """Return a file's bytes. Raise OSError if it is a link to a place outside the service."""
    path = service / name
    if not path.is_file() or not path.resolve().is_relative_to(service.resolve()):
        raise OSError(f"{name} is not a file of the service")
    if path.stat().st_size > LARGEST:
        raise OSError(f"{name} is larger than {LARGEST} bytes")
    return path.read_bytes()


def text(service: Path, name: str) -> str:
    """Return a file's text, an empty one if it cannot be read."""
    try:
        return inside(service, name).decode()
    except (OSError, ValueError):
        return ""


def loaded(
    service: Path,
    name: str,
) -> dict[str, Any] | None:
    """Return what a JSON file of the service holds, None if there is no such file."""
    path = service / name
    if not path.exists() and not path.is_symlink():
        return None
    try:
        data = json.loads(inside(service, name))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{name} must be JSON: {shown(str(error))}.") from None
    except OSError as error:
        raise RefusedError(f"{name} cannot be read: {error}.") from None
    if not isinstance(data, dict):
        raise RefusedError(f"{name} must hold a JSON object, got {shown(data)}.")
    return data


def remembered(service: Path) -> dict[str, Any] | None:
    """Return what .cruft.json holds, with its shape and answers checked; None if there is none."""
    memory = loaded(service, MEMORY)
    if memory is None:
        return None
    context = memory.get("context")
    answers = context.get("cookiecutter") if isinstance(context, dict) else None
    if not isinstance(answers, dict) or not {"template", "commit"} <= memory.keys():
        raise RefusedError(
            f"{MEMORY} must hold template, commit and context, as cruft writes them, "
            f"got {shown(memory)}."
        )
    for name in ("template", "commit", "checkout"):
        check_word(memory.get(name), f"{name} in {MEMORY}")
    check_directory(memory.get("directory"), MEMORY)
    checked(public(answers), MEMORY)
    return memory


def recorded(service: Path) -> dict[str, Any] | None:
    """Return what .template/answers.json holds, with its answers checked; None if there is none."""
    record = loaded(service, RECORD)
    if record is None:
        return None
    answers = record.get("answers")
    if not isinstance(answers, dict):
        raise RefusedError(f"{RECORD} must hold answers, an object, got {shown(answers)}.")
    check_word(record.get("template"), f"template in {RECORD}")
    check_directory(record.get("directory"), RECORD)
    record["answers"] = checked(public(answers), RECORD)
    return record


def check_word(value: object, name: str) -> None:
    """Raise RefusedError unless a value is null, or one line that Git takes for no option."""
    if value is None:
        return
    if not isinstance(value, str) or UNPRINTABLE.search(value) or value[:1] == "-":
        raise RefusedError(
            f"{name} must be one line of text that begins with no hyphen, or null, "
            f"got {shown(value)}."
        )


def check_directory(value: object, source: str) -> None:
    """Raise RefusedError unless a value is null, or a folder inside the template."""
    check_word(value, f"directory in {source}")
    directory = str(value or "")
    parts = re.split(r"[/\\]", directory)
    if directory[:1] in ("/", "\\") or ".." in parts or ":" in directory:
        raise RefusedError(
            f"directory in {source} must be a folder inside the template, got {shown(directory)}."
        )


def first(service: Path) -> dict[str, Any] | None:
    """Return .template/answers.json as it was first committed, if the version is still the same.

    The template writes the file only with another version. Otherwise a person edited it.
    """
    log = git(service, "log --format=%H --diff-filter=A --", RECORD)
    if not log:
        return None
    commit = log.split()[-1]
    try:
        data = json.loads(git(service, "show", f"{commit}:./{RECORD}"))
        checked(data["answers"], f"{RECORD} of {commit[:7]}")
        version = data.get("version")
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError, RefusedError):
        return None
    now = loaded(service, RECORD)
    if not now or now.get("version") != version:
        return None
    found: dict[str, Any] = data
    return found


def named(service: Path) -> str:
    """Return the template that the service's records name, an empty text if none does."""
    for record in (remembered(service), recorded(service)):
        if record and record.get("template"):
            return str(record["template"])
    return ""
