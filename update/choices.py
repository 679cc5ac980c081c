"""The answers of an update: those on the command line, and those that the service's files show."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import evidence
from .answers import FIXED, public, repair
from .origin import Origin, packages
from .repository import RefusedError
from .service import Service
from .template import Template


def given(words: Sequence[str]) -> dict[str, str]:
    """Return the answers on the command line."""
    answers = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise RefusedError(f"an answer must be NAME=VALUE, got {word!r}.")
        answers[name] = value
    return answers


def check_given(
    answers: Mapping[str, str],
    offered: Mapping[str, Any],
    origin: Origin,
    service: Service,
) -> None:
    """Raise RefusedError for an answer that the template does not ask for, or cannot change."""
    questions = public(offered)
    for name, value in answers.items():
        if name not in questions:
            raise RefusedError(
                f"an answer must be NAME=VALUE with a NAME of {', '.join(questions)}, "
                f"got {f'{name}={value}'!r}."
            )
        changed = value != origin.answers.get(name)
        if name in FIXED and changed and not renamed(name, value, service):
            raise RefusedError(f"{name} cannot be changed in an existing service: {FIXED[name]}.")
        values = questions[name]
        if isinstance(values, list) and value not in values:
            raise RefusedError(f"{name} must be one of {', '.join(values)}, got {value!r}.")


def renamed(
    name: str,
    value: str,
    service: Service,
) -> bool:
    """Tell whether an answer is the name that the service's people gave to its package."""
    return name == "package_name" and value in packages(service.folder)


def check_recorded(
    template: Template,
    old: str,
    origin: Origin,
    service: Service,
    answers: Mapping[str, str],
) -> None:
    """Complete the recorded choices by the service's files.

    Raise RefusedError where the files are clearly those of another value.
    """
    questions = template.questions(old)
    found = evidence.fits(
        template.clone,
        evidence.folder(template.clone, old, template.directory),
        service.top,
        service.tree,
        str(origin.answers.get("package_name")),
    )
    for name, fits in found.items():
        values = questions.get(name)
        best = max(fits, key=lambda value: fits[value])
        if not isinstance(values, list) or best not in values:
            continue
        recorded = origin.answers.get(name)
        if recorded == best:
            continue
        if recorded is not None:
            check_offered(name, recorded, values, origin)
        if not clear(fits, best, recorded):
            continue
        if recorded is not None and name not in answers:
            raise RefusedError(
                f"{name} is {recorded!r} in {origin.source}, "
                f"but the service's files are those of {best!r}. {repair(name, recorded)}"
            )
        origin.answers[name] = best


def check_offered(
    name: str,
    value: Any,
    values: Sequence[str],
    origin: Origin,
) -> None:
    """Raise RefusedError for a recorded choice that the template does not offer."""
    if value not in values:
        offered = ", ".join(values)
        raise RefusedError(f"{name} in {origin.source} must be one of {offered}, got {value!r}.")


def clear(
    fits: Mapping[str, float],
    best: str,
    recorded: Any,
) -> bool:
    """Tell whether the files fit the best value, and clearly better than the recorded one."""
    difference = fits[best] - fits.get(recorded, 0)
    return fits[best] >= 0.5 and difference >= evidence.CLEARLY
