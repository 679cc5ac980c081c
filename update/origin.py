"""Find out what a service was made from: the template, its commit, and the answers."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .address import expanded, refuse_own, without_credentials
from .answers import NEEDED, SHAPES, agreed, checked, public
from .printing import listed, shown
from .records import (
    MEMORY,
    RECORD,
    check_word,
    first,
    recorded,
    remembered,
    text,
)
from .repository import RefusedError

COMMIT = re.compile(r"\w[\w./+@^~-]*")
FILES = "the service's files"
COMMAND_LINE = "the command line"


@dataclass
class Origin:
    """What a service was made from. `commit` is empty if only its files can tell."""

    # As the records or the command line name it.
    template: str
    commit: str
    answers: dict[str, Any]
    # Where the answers are from.
    source: str
    directory: str = ""
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The template as Git takes it."""
        return expanded(self.template)

    def remember(
        self,
        commit: str,
        context: dict[str, Any],
    ) -> bytes:
        """Return the new content of .cruft.json, in cruft's own form."""
        memory: dict[str, Any] = {"checkout": None, "directory": self.directory or None}
        memory |= self.memory
        if memory.get("template") != self.url:
            memory["template"] = without_credentials(self.url)
        memory["commit"] = commit
        memory["context"] = {"cookiecutter": context}
        text = json.dumps(
            memory,
            ensure_ascii=False,
            indent=2,
            separators=(",", ": "),
        )
        return f"{text}\n".encode()


def of(
    service: Path,
    top: Path,
    template: str,
    commit: str,
    given: Mapping[str, str],
) -> Origin:
    """Return what a service was made from. What the command line says beats the records."""
    memory = remembered(service)
    record = recorded(service)
    given = checked(given, COMMAND_LINE)
    refuse_other_package(service, memory, record, given)
    if memory is not None:
        origin = from_memory(memory, record, given)
    elif record is not None:
        origin = from_record(service, record, given)
    else:
        origin = Origin("", "", recovered(service, given), FILES)
    origin.template = template or origin.template
    origin.commit = commit or origin.commit
    complete(origin)
    refuse_own(origin.url, top)
    return origin


def from_memory(
    memory: dict[str, Any],
    record: dict[str, Any] | None,
    given: Mapping[str, str],
) -> Origin:
    """Return what .cruft.json says, and .template/answers.json beside it."""
    record = record or {}
    answers = agreed(
        public(memory["context"]["cookiecutter"]),
        record.get("answers", {}),
        given,
        (MEMORY, RECORD),
        edited=False,
    )
    return Origin(
        template=memory["template"] or record.get("template") or "",
        commit=memory["commit"] or "",
        answers=answers,
        source=MEMORY,
        directory=folder(memory),
        memory=memory,
    )


def from_record(
    service: Path,
    record: dict[str, Any],
    given: Mapping[str, str],
) -> Origin:
    """Return what .template/answers.json says, and what it said when it was first committed."""
    made = first(service) or record
    answers = agreed(
        record["answers"],
        made["answers"],
        given,
        (RECORD, "the first commit of that file"),
        edited=True,
    )
    return Origin(
        template=record.get("template") or "",
        commit="",
        answers=answers,
        source=RECORD,
        directory=folder(record),
    )


def folder(record: Mapping[str, Any]) -> str:
    """Return the template's folder in its repository."""
    return str(record.get("directory") or "").strip("/")


def complete(origin: Origin) -> None:
    """Raise RefusedError if the service's names, the template or the commit cannot be right."""
    missing = [name for name in SHAPES if not origin.answers.get(name)]
    if missing:
        raise RefusedError(
            f"{listed(missing)} must be among the answers in {origin.source}: put it back.",
        )
    if not origin.template:
        raise RefusedError(
            f"the service has no {MEMORY}, and does not know its template. "
            'Say it once, and it is remembered: make update ARGS="--template URL".'
        )
    check_word(origin.template, "the template")
    if origin.commit and not COMMIT.fullmatch(origin.commit):
        raise RefusedError(
            f"commit in {MEMORY}, or --from, must name a commit, got {shown(origin.commit)}.",
        )


def refuse_other_package(
    service: Path,
    memory: dict[str, Any] | None,
    record: dict[str, Any] | None,
    given: Mapping[str, str],
) -> None:
    """Raise RefusedError for a record that names another package than the one in src/."""
    found = packages(service)
    if not found or given.get("package_name") in found:
        return
    told = {}
    if memory is not None:
        told[MEMORY] = memory["context"]["cookiecutter"].get("package_name", "")
    if record is not None:
        told[RECORD] = record["answers"].get("package_name", "")
    for source, package in told.items():
        if package not in found:
            raise RefusedError(
                f"package_name in {source} must be {found[0]}, as in src/, got {package!r}. "
                f'If you renamed the package: make update ARGS="package_name={found[0]}".'
            )


def packages(service: Path) -> list[str]:
    """Return the packages in src/ that have telemetry."""
    found = service.glob("src/*/telemetry/__init__.py")
    return sorted(path.parent.parent.name for path in found)


def recovered(
    service: Path,
    given: Mapping[str, str],
) -> dict[str, Any]:
    """Read the answers off the files of a service without records: those of 0.1.0 to 0.3.0."""
    project = project_table(service)
    found = names(project)
    found["description"] = project.get("description", "")
    dependencies = " ".join(map(str, project.get("dependencies") or []))
    protocol = re.search(r"otlp-proto-(grpc|http)", dependencies)
    found["otlp_protocol"] = protocol[1] if protocol else ""
    found["team"] = team(service, given.get("package_name") or found["package_name"])
    title = re.search(r"^# (.*)$", text(service, "README.md"), re.MULTILINE)
    found["project_name"] = title[1] if title else found["project_slug"]
    answers = dict(given)
    for name, value in found.items():
        if value:
            answers[name] = value
    missing = [name for name in NEEDED if name not in answers]
    if missing:
        values = " ".join(f"{name}=..." for name in missing)
        raise RefusedError(
            f"the service has neither {MEMORY} nor {RECORD}, "
            f"and its files do not tell {listed(missing)}. "
            "Give what it was made with: "
            f'make update ARGS="--template URL --from COMMIT {values}" '
            "(if its Makefile has no such target, give the same arguments to the template's "
            "update.py)."
        )
    return checked(answers, FILES)


def names(
    project: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the service's and the package's name, by the console script."""
    scripts = project.get("scripts")
    if not isinstance(scripts, dict) or not scripts:
        return {"project_slug": "", "package_name": ""}
    command, entry = next(iter(scripts.items()))
    return {"project_slug": command, "package_name": str(entry).partition(".")[0]}


def team(service: Path, package: str) -> str:
    """Return the team, by the code that makes the resource."""
    if not SHAPES["package_name"].fullmatch(package):
        return ""
    code = text(service, f"src/{package}/telemetry/resource.py")
    found = re.search(r'(?:SERVICE_NAMESPACE:|TEAM =) "(.*)"', code)
    return found[1] if found else ""


def project_table(service: Path) -> dict[str, Any]:
    """Return the table `project` of pyproject.toml, an empty one if it cannot be read."""
    try:
        project = tomllib.loads(text(service, "pyproject.toml")).get("project")
    except (ValueError, RecursionError):
        return {}
    return project if isinstance(project, dict) else {}
