"""Read what a service says of itself: its template, that one's commit, and its answers. Nothing of it is trusted.

All that comes from the service goes through here before anything is cloned or rendered: Cookiecutter runs what it finds
between braces, a commit may look like an option of Git, and a folder may lead out of the template.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merge import RefusedError, git

MEMORY = ".cruft.json"
RECORD = ".template/answers.json"
LARGEST = 1_000_000  # bytes of a file that is read; records are a few hundred
# Cookiecutter's own abbreviations.
HOSTS = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}
# What Jinja evaluates: braces anywhere, and this template's line statements.
EVALUATED = re.compile(r"\{[%#{]|^\s*#[%]")
CODE = ", ".join("{" + sign for sign in "%#{") + " or a leading #" + "%"  # in parts: a render shows no code
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
COMMIT = re.compile(r"\w[\w./+@^~-]*")
# The hook's own shapes. Cookiecutter makes folders by these names before any hook can look at them.
SHAPES = {
    "project_slug": (
        re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"),
        "lower-case letters, digits and single hyphens, a letter first",
    ),
    "package_name": (re.compile(r"[a-z][a-z0-9_]*"), "a lower-case Python identifier"),
}
MADE = "the first commit of that file"
# What no template can answer anew for code that people have written since.
FIXED = {
    "framework": "what you wrote is written for it; make a new service and move your code",
    "project_slug": "it is the service's name wherever it runs",
    "package_name": "your code imports it",
}
# What Cookiecutter has no default for that could be right in a service that is there.
NEEDED = ("project_slug", "package_name", "description", "team", "otlp_protocol")


@dataclass
class Origin:
    """What a service remembers; `commit` is empty where only the files can tell."""

    template: str
    commit: str
    answers: dict[str, Any]
    source: str  # the file that the answers are from
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The template as Git takes it."""
        host, _, rest = self.template.partition(":")
        if host in HOSTS:
            return f"https://{HOSTS[host]}/{rest}.git"
        if ":" in self.template:  # an address, whatever a link in the service has for a name
            return self.template
        return str(Path(self.template).absolute()) if Path(self.template).exists() else self.template

    @property
    def directory(self) -> str:
        """The template's folder in its repository."""
        return str(self.memory.get("directory") or "").strip("/")

    def remember(self, commit: str, context: dict[str, Any]) -> bytes:
        """Return the new content of .cruft.json, in cruft's own form."""
        memory = self.memory | {"template": self.url, "commit": commit, "context": {"cookiecutter": context}}
        memory = {"checkout": None, "directory": None} | memory
        return (json.dumps(memory, ensure_ascii=False, indent=2, separators=(",", ": ")) + "\n").encode()


def public(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers that a person gave, or could have given."""
    return {name: value for name, value in context.items() if name[:1] != "_"}


def printable(text: str) -> str:
    """Return a text whose file names write no second line and move no cursor."""
    return "\n".join(UNPRINTABLE.sub("?", line) for line in text.split("\n"))


def shown(value: object) -> str:
    """Return a value as an error shows it: on one line, and not all of a long one."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def checked(answers: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the answers. Raise RefusedError for one that Cookiecutter would run, or that is no line of text."""
    for name, value in answers.items():
        if not isinstance(value, (str, bool)):
            raise RefusedError(f"{shown(name)} in {source} must be text, got {shown(value)}.")
        text = str(value)
        if EVALUATED.search(text):
            raise RefusedError(
                f"{shown(name)} in {source} must be text without {CODE}, "
                f"which Cookiecutter runs as code, got {shown(text)}."
            )
        if UNPRINTABLE.search(text + name):
            raise RefusedError(f"{shown(name)} in {source} must be one line of printable text, got {shown(text)}.")
        shape, words = SHAPES.get(name, (None, ""))
        if shape and not (shape.fullmatch(text) and len(text) <= 52):
            raise RefusedError(f"{name} in {source} must be {words}, at most 52 characters, got {shown(text)}.")
    return dict(answers)


def loaded(service: Path, name: str) -> dict[str, Any] | None:
    """Return what a JSON file of the service holds, None where there is none."""
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


def inside(service: Path, name: str) -> bytes:
    """Return a file's bytes. Raise OSError where it is not the service's own: a link may lead anywhere."""
    path = service / name
    if not path.is_file() or not path.resolve().is_relative_to(service.resolve()):
        raise OSError(f"{name} is no file of the service")
    if path.stat().st_size > LARGEST:
        raise OSError(f"{name} is larger than {LARGEST} bytes")
    return path.read_bytes()


def remembered(service: Path) -> dict[str, Any] | None:
    """Return what .cruft.json holds, in the right shape, with its answers checked; None where there is none."""
    memory = loaded(service, MEMORY)
    if memory is None:
        return None
    context = memory.get("context")
    answers = context.get("cookiecutter") if isinstance(context, dict) else None
    if not isinstance(answers, dict) or not {"template", "commit"} <= memory.keys():
        raise RefusedError(
            f"{MEMORY} must hold template, commit and context, as cruft writes them, got {shown(memory)}."
        )
    for name in ("template", "commit", "directory", "checkout"):
        word(memory.get(name), f"{name} in {MEMORY}")
    directory = str(memory.get("directory") or "")
    if directory[:1] in ("/", "\\") or ".." in re.split(r"[/\\]", directory) or ":" in directory:
        raise RefusedError(f"directory in {MEMORY} must be a folder inside the template, got {shown(directory)}.")
    checked(public(answers), MEMORY)
    return memory


def recorded(service: Path) -> dict[str, Any] | None:
    """Return what .template/answers.json holds, checked like .cruft.json; None where there is none."""
    record = loaded(service, RECORD)
    if record is None:
        return None
    if not isinstance(record.get("answers"), dict):
        raise RefusedError(f"{RECORD} must hold answers, an object, got {shown(record.get('answers'))}.")
    word(record.get("template"), f"template in {RECORD}")
    record["answers"] = checked(public(record["answers"]), RECORD)
    return record


def word(value: object, name: str) -> None:
    """Refuse what is neither null nor a line of text that Git cannot take for an option."""
    if value is not None and (not isinstance(value, str) or UNPRINTABLE.search(value) or value[:1] == "-"):
        raise RefusedError(f"{name} must be one line of text that begins with no hyphen, or null, got {shown(value)}.")


def named(service: Path) -> str:
    """Return the template that the service's records name, nothing where none does."""
    memory = remembered(service) or {}
    record = recorded(service) or {}
    return memory.get("template") or record.get("template") or ""


def of(service: Path, top: Path, template: str, commit: str, given: Mapping[str, str]) -> Origin:
    """Return what the service remembers; what was said on the command line beats it."""
    memory = remembered(service)
    record = recorded(service)
    given = checked(given, "the command line")
    same_package(service, memory, record)
    if memory is not None:
        answers = public(memory["context"]["cookiecutter"])
        others = record["answers"] if record else {}
        origin = Origin(template, commit or memory["commit"] or "", agreed(answers, others, given), MEMORY, memory)
    elif record is not None:
        made = first(service, top) or record
        answers = agreed(record["answers"], made["answers"], given, MADE)
        origin = Origin(template, commit, answers, RECORD)
    else:
        origin = Origin(template, commit, recovered(service, given), "the service's files")
    if missing := [name for name in ("project_slug", "package_name") if not origin.answers.get(name)]:
        raise RefusedError(f"{listed(missing)} must be among the answers in {origin.source}: put it back.")
    origin.template = template or (memory or {}).get("template") or (record or {}).get("template") or ""
    if not origin.template:
        raise RefusedError(
            f"the service has no {MEMORY}, and does not know its template. "
            'Say it once, and it is remembered: make update ARGS="--template URL".'
        )
    if origin.commit and not COMMIT.fullmatch(origin.commit):
        raise RefusedError(f"commit in {MEMORY}, or --from, must name a commit, got {shown(origin.commit)}.")
    elsewhere(origin, top)
    return origin


def same_package(service: Path, memory: dict[str, Any] | None, record: dict[str, Any] | None) -> None:
    """Refuse a record that names another package than src/ holds: it is another service's."""
    packages = sorted(path.parent.parent.name for path in service.glob("src/*/telemetry/__init__.py"))
    told = {}
    if memory is not None:
        told[MEMORY] = memory["context"]["cookiecutter"].get("package_name", "")
    if record is not None:
        told[RECORD] = record["answers"].get("package_name", "")
    for source, package in told.items():
        if packages and package not in packages:
            raise RefusedError(f"package_name in {source} must be {packages[0]}, as in src/, got {package!r}.")


def first(service: Path, top: Path) -> dict[str, Any] | None:
    """Return the record as it was first committed, if that is of the same version: since then only people edit it."""
    found = git(service, "log", "--format=%H", "--diff-filter=A", "--", RECORD).split()
    if not found:
        return None
    try:
        data = json.loads(git(service, "show", f"{found[-1]}:./{RECORD}"))
        now = loaded(service, RECORD)
        checked(data["answers"], f"{RECORD} of {found[-1][:7]}")
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError, RefusedError):
        return None
    return data if now and data.get("version") == now.get("version") else None


def agreed(
    answers: Mapping[str, Any], others: Mapping[str, Any], given: Mapping[str, str], beside: str = RECORD
) -> dict[str, Any]:
    """Return the answers that the code was made with. Refuse two that differ, unless the command line decides.

    Then the other one of the two is what the code still is.
    """
    source = MEMORY if beside == RECORD else RECORD
    result = {**others, **answers}
    for name in [name for name in answers if name in others and others[name] != answers[name]]:
        if name not in given:
            raise RefusedError(
                f"{name} is {shown(answers[name])} in {source} and {shown(others[name])} in {beside}. "
                + repair(name, answers[name])
            )
        if beside == MADE or given[name] == answers[name]:
            result[name] = others[name]
    return result


def repair(name: str, value: object) -> str:
    """Return how an answer is changed: in its files and in its records, by one command."""
    if name in FIXED:
        return f"Put the right one back: {name} cannot be changed in a service that is there, because {FIXED[name]}."
    text = f"{name}={value}"
    if not re.fullmatch(r"[\w=., -]+", text, re.ASCII):  # make and the shell would change it, or run it
        return "Put the right one into both files."
    text = text if " " not in text else f"'{text}'"
    return f'Change an answer by the command, not in a file: make update ARGS="{text}".'


def elsewhere(origin: Origin, top: Path) -> None:
    """Refuse a template that is the service's own repository: its program would be run as the template's."""
    word(origin.template, "the template")
    remotes = [line.split()[1] for line in git(top, "remote", "-v").splitlines() if len(line.split()) > 1]
    own = {address(re.sub("^http:", "https:", url)) for url in remotes}
    if local(origin.url, top) or (address(re.sub("^http:", "https:", origin.url)) or "none") in own:
        raise RefusedError(f"the template must be another repository than the service's own, got {origin.template!r}.")


def local(url: str, *folders: Path) -> bool:
    """Tell whether an address is a path below one of these folders."""
    path = Path(re.sub(r"^file://(localhost)?", "", url))
    return path.exists() and any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)


def address(url: str) -> str:
    """Return host and path of a repository, the same for each secure way to write it, or nothing.

    By ssh only the user git counts, and a path from there: another user has another home.
    """
    host, _, rest = url.partition(":")
    if host in HOSTS:
        url = f"https://{HOSTS[host]}/{rest}"
    secure = re.fullmatch(r"https://(?:[\w.~%+-]+(?::[\w.~%+-]*)?@)?([\w.-]+)(?::443)?/([\w./~+-]+)", url)
    secure = secure or re.fullmatch(r"ssh://git@([\w.-]+)(?::22)?/([\w.~+-][\w./~+-]*)", url)
    secure = secure or re.fullmatch(r"git@([\w.-]+):([\w.~+-][\w./~+-]*)", url)
    if not secure or ".." in secure[2].split("/"):
        return ""
    path = secure[2].strip("/").removesuffix(".git")
    return f"{secure[1].lower()}/{path.lower()}"


def recovered(service: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Read the answers off a service that has no record of them: it is older than 0.4.0, or lost it."""
    project = table(service)
    scripts = project.get("scripts")
    command, entry = next(iter(scripts.items()), ("", "")) if isinstance(scripts, dict) else ("", "")
    dependencies = project.get("dependencies")
    protocol = re.search(r"otlp-proto-(grpc|http)", " ".join(map(str, dependencies or [])))
    found: dict[str, Any] = {"project_slug": command, "package_name": str(entry).partition(".")[0]}
    found |= {"description": project.get("description", ""), "otlp_protocol": protocol[1] if protocol else ""}
    package = given.get("package_name") or found["package_name"]
    if SHAPES["package_name"][0].fullmatch(package):
        resource = text(service, f"src/{package}/telemetry/resource.py")
        team = re.search(r'(?:SERVICE_NAMESPACE:|TEAM =) "(.*)"', resource)
        found["team"] = team[1] if team else ""
    title = re.search(r"^# (.*)$", text(service, "README.md"), re.MULTILINE)
    found["project_name"] = title[1] if title else command
    answers = dict(given) | {name: value for name, value in found.items() if value}
    if missing := [name for name in NEEDED if name not in answers]:
        values = " ".join(f"{name}=..." for name in missing)
        raise RefusedError(
            f"the service has neither {MEMORY} nor {RECORD}, and {listed(missing)} cannot be read off its files. "
            f'Give what it was made with: make update ARGS="--template URL --from COMMIT {values}" '
            "(where its Makefile knows no such command, give the same to the template's update.py)."
        )
    return checked(answers, "the service's files")


def listed(words: Iterable[str]) -> str:
    """Return words as a sentence lists them."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def table(service: Path) -> dict[str, Any]:
    """Return the project's table in pyproject.toml, nothing where that cannot be read."""
    try:
        project = tomllib.loads(text(service, "pyproject.toml")).get("project")
    except (ValueError, RecursionError):
        return {}
    return project if isinstance(project, dict) else {}


def text(service: Path, name: str) -> str:
    """Return a file's text, nothing where it cannot be read."""
    try:
        return inside(service, name).decode()
    except (OSError, ValueError):
        return ""
