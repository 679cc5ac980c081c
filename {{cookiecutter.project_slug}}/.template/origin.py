"""Find out what a service was made from: which template, which of its commits, and with which answers."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merge import RefusedError, git, rows

MEMORY = ".cruft.json"
RECORD = ".template/answers.json"
# Cookiecutter's own abbreviations.
HOSTS = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}


@dataclass
class Origin:
    """What a service remembers; `commit` is empty where only the files can tell."""

    template: str
    commit: str
    answers: dict[str, Any]
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The template as Git takes it."""
        host, _, rest = self.template.partition(":")
        if host in HOSTS:
            return f"https://{HOSTS[host]}/{rest}.git"
        return str(Path(self.template).absolute()) if Path(self.template).exists() else self.template

    def remember(self, commit: str, context: dict[str, Any]) -> bytes:
        """Return the new content of .cruft.json, in cruft's own form."""
        memory = self.memory | {"template": self.url, "commit": commit, "context": {"cookiecutter": context}}
        memory = {"checkout": None, "directory": None} | memory
        return (json.dumps(memory, ensure_ascii=False, indent=2, separators=(",", ": ")) + "\n").encode()


def public(context: dict[str, Any]) -> dict[str, Any]:
    """Return the answers that a person gave, or could have given."""
    return {name: value for name, value in context.items() if name[0] != "_"}


def of(service: Path, template: str, commit: str) -> Origin:
    """Return what the service remembers, in .cruft.json or in .template/; `template` and `commit` beat it."""
    memory = loaded(service / MEMORY)
    if memory:
        try:
            answers = public(memory["context"]["cookiecutter"])
            origin = Origin(template or memory["template"], commit or memory["commit"], answers, memory)
        except (KeyError, TypeError, AttributeError) as error:
            raise RefusedError(
                f"{MEMORY} must hold template, commit and context, as cruft writes them; {error!r}"
            ) from None
    else:
        record = loaded(service / RECORD)
        answers = record.get("answers") or recovered(service)
        origin = Origin(template or record.get("template", ""), commit, answers)
    if not origin.template:
        raise RefusedError(
            f"the service has no {MEMORY}, and does not know its template. "
            'Say it once, and it is remembered: make update ARGS="--template URL".'
        )
    package = str(origin.answers.get("package_name", ""))
    packages = sorted(path.parent.parent.name for path in service.glob("src/*/telemetry/__init__.py"))
    if packages and package not in packages:
        raise RefusedError(
            f"package_name in {MEMORY if memory else RECORD} must be {packages[0]}, as in src/, got {package!r}."
        )
    return origin


def loaded(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds, nothing where there is none."""
    try:
        data: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError as error:
        raise RefusedError(f"{path.name} must be JSON: {error}.") from None
    return data


def recovered(service: Path) -> dict[str, Any]:
    """Read the answers off a service that has no record of them: it is older than 0.4.0, or lost it."""
    try:
        project = tomllib.loads((service / "pyproject.toml").read_text())["project"]
        (command, entry), *_ = project["scripts"].items()
        package = entry.partition(".")[0]
        protocol = re.search(r"otlp-proto-(\w+)", " ".join(project["dependencies"]))
        team = re.search(
            r'(?:SERVICE_NAMESPACE:|TEAM =) "(.*)"', (service / f"src/{package}/telemetry/resource.py").read_text()
        )
        title = re.search(r"^# (.*)$", (service / "README.md").read_text(), re.MULTILINE)
        assert protocol and team
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise RefusedError(
            f"the service has neither {MEMORY} nor {RECORD}, and its answers cannot be read off its files ({error!r}). "
            f'"uvx cruft@2.16.0 link TEMPLATE" asks for them and writes {MEMORY}.'
        ) from None
    return {
        "project_name": title[1] if title else command,
        "project_slug": command,
        "package_name": package,
        "description": project["description"],
        "team": team[1],
        "otlp_protocol": protocol[1],
    }


def blobs(repository: Path, tree: str) -> dict[str, str]:
    """Return the object of each file in a tree."""
    entries = (entry.partition("\t") for entry in rows(git(repository, "ls-tree", "-r", "-z", tree)))
    return {path: about.split()[2] for about, _, path in entries}


def places(files: dict[str, str], answers: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where the template's files end up with these answers, and each one's object."""
    for path, name in files.items():
        top, *parts = path.split("/")
        if top[0] == "{":
            if parts[0] == "options":
                if answers.get(parts[1], parts[2]) != parts[2]:
                    continue
                parts = parts[3:]
            yield re.sub(r"\{+[^}]*package_name[^}]*\}+", str(answers.get("package_name")), "/".join(parts)), name


def had(repository: Path, prefix: str) -> set[tuple[str, str]]:
    """Return each file that the service ever had, by its path and object."""
    found = set()
    log = git(repository, "log", "--raw", "--no-renames", "--abbrev=40", "--format=", "-z", "--root", "-m", "HEAD")
    parts = iter(rows(log))
    for about in parts:
        if about[:1] != ":":  # what stands between two commits
            continue
        path = next(parts)
        if path.startswith(prefix):
            found.add((path.removeprefix(prefix), about.split()[3]))
    return found


def commits(clone: Path, repository: Path, prefix: str, answers: dict[str, Any]) -> list[str]:
    """Return the template's commits whose files, as they are copied, are most like the service's; newest first.

    A service's first commit holds what it was made from, so its history tells more than its newest files.
    """
    files, best, scores = had(repository, prefix), 0, {}
    for commit in git(clone, "log", "--first-parent", "--format=%H", "HEAD").split():
        expected = set(places(blobs(clone, commit), answers))
        scores[commit] = len(expected & files) - len(expected - files)
        best = max(best, len(expected & files))
    if best < 5:
        raise RefusedError(
            'nothing here is like any commit of the template; name it: make update ARGS="--from COMMIT".'
        )
    return [commit for commit, score in scores.items() if score == max(scores.values())]
