"""Find out from a service's files which commit and which answers it was made from."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .repository import VERIFY, RefusedError, blobs, content, git, rows, tree_of

# How much of the text must be found again. Measured over the kept versions: the right version has
# all of it, however it was formatted. A version beside it has 0.5 to 0.85, and a service of 0.3.0
# or older has at most 0.2 of 0.4.0.
ALIKE = 0.6
# By how much another value's files must fit the service better than those of the recorded value.
CLEARLY = 0.25
# How many equal files say that a service was made from a commit at all.
FEWEST = 5
# How many words in a row are compared.
RUN = 5
PACKAGE = re.compile(r"\{+[^}]*package_name[^}]*\}+")
STATEMENT = re.compile(r"\{[%].*?[%]\}")
TAG = re.compile(rb"\{[%{].*?[%}]\}")

Files = set[tuple[str, str]]


def placed(path: str, package: str) -> str:
    """Return a path of the template with the name of the package in it."""
    return PACKAGE.sub(lambda _: package, path)


def expected(
    files: Mapping[str, str],
    answers: Mapping[str, Any],
) -> Files:
    """Return where the template's files are in a service with these answers, and their objects."""
    package = str(answers.get("package_name"))
    found = set()
    for path, name in files.items():
        top, *parts = path.split("/")
        if top[0] != "{":
            continue
        if parts[0] == "options":
            _, question, value, *parts = parts
            if answers.get(question, value) != value:
                continue
        found.add((placed("/".join(parts), package), name))
    return found


def had(repository: Path, prefix: str) -> Files:
    """Return each file that the service ever had, by its path and object."""
    output = git(repository, "log --raw --no-renames --abbrev=40 --format= -z --root -m HEAD")
    found = set()
    parts = iter(rows(output))
    for about in parts:
        # Between two commits stands something else.
        if about[:1] != ":":
            continue
        path = next(parts)
        if path.startswith(prefix):
            name = about.split()[3]
            found.add((path.removeprefix(prefix), name))
    return found


def commits(
    clone: Path,
    directory: str,
    files: Files,
    answers: Mapping[str, Any],
) -> list[str]:
    """Return the template's commits whose files are most like `files`, the newest first.

    `files` are all that a service ever had. Its first commit holds what it was made from, so its
    history tells more than its newest files.
    """
    most = 0
    scores = {}
    history = git(clone, "log --first-parent --format=%H HEAD")
    for commit in history.split():
        wanted = expected(folder(clone, commit, directory), answers)
        equal = len(wanted & files)
        missing = len(wanted - files)
        scores[commit] = equal - missing
        most = max(most, equal)
    if most < FEWEST:
        raise RefusedError(
            "the service's files are not like any commit of the template. "
            'Name the commit: make update ARGS="--from COMMIT".'
        )
    best = max(scores.values())
    return [commit for commit, score in scores.items() if score == best]


def folder(
    clone: Path,
    commit: str,
    directory: str,
) -> dict[str, str]:
    """Return the files of the template in a commit, and their objects; none before it was there."""
    if not directory:
        return blobs(clone, commit)
    tree = git(clone, VERIFY, f"{commit}:{directory}", highest=128)
    return blobs(clone, tree.strip()) if tree else {}


def phrases(text: bytes) -> set[bytes]:
    """Return all runs of five words. Formatting and line ends do not change them."""
    words = re.findall(rb"\w+", text)
    count = max(1, len(words) - RUN + 1)
    found = set()
    for start in range(count):
        found.add(b" ".join(words[start : start + RUN]))
    return found


def like(
    repository: Path,
    ours: str,
    render: str,
    package: str,
) -> bool:
    """Tell whether the service's tree, or its history, holds the template's own files of a render.

    Half of the files, byte for byte, are enough: people edit some. Where a formatter changed them
    all and the history is gone, most of their words must be there.
    """
    owned = owned_files(blobs(repository, render), package)
    now = blobs(repository, ours)
    if found_again(owned.values(), now.values()):
        return True
    ever = [name for _, name in had(repository, "")]
    if found_again(owned.values(), [*now.values(), *ever]):
        return True
    return share(repository, owned, now) > ALIKE


def owned_files(
    files: Mapping[str, str],
    package: str,
) -> Mapping[str, str]:
    """Return the files that the template owns; all files if it owns none of them."""
    folders = (f"src/{package}/telemetry/", "tests/telemetry/", ".template/")
    owned = {path: name for path, name in files.items() if path.startswith(folders)}
    return owned or files


def share(
    repository: Path,
    owned: Mapping[str, str],
    now: Mapping[str, str],
) -> float:
    """Return how much of the text of some files is in files of the same names, in any folder."""
    wanted: set[bytes] = set()
    for name in owned.values():
        wanted |= phrases(content(repository, name))
    names = {file_name(path) for path in owned}
    there: set[bytes] = set()
    for path, name in now.items():
        if file_name(path) in names:
            there |= phrases(content(repository, name))
    return len(wanted & there) / (len(wanted) or 1)


def file_name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]


def found_again(
    wanted: Collection[str],
    there: Iterable[str],
) -> bool:
    """Tell whether at least half of the objects are among others."""
    objects = set(there)
    count = sum(name in objects for name in wanted)
    return 2 * count >= len(wanted)


def fits(
    clone: Path,
    files: Mapping[str, str],
    repository: Path,
    ours: str,
    package: str,
) -> dict[str, dict[str, float]]:
    """Return how well the service fits each value of each choice, from 0 to 1.

    `files` are the template's. The folder options/<question>/<value>/ holds the files of a value.
    """
    now = blobs(repository, ours)
    totals: dict[str, dict[str, int]] = {}
    counts: dict[str, dict[str, int]] = {}
    for question, value, path, name in option_files(files):
        text = TAG.sub(b" ", content(clone, name))
        wanted = phrases(text)
        place = STATEMENT.sub("", placed(path, package))
        there = phrases(content(repository, now[place])) if place in now else set()
        add(totals, question, value, len(wanted))
        add(counts, question, value, len(wanted & there))
    found: dict[str, dict[str, float]] = {}
    for question, values in totals.items():
        found[question] = {}
        for value, total in values.items():
            count = counts[question][value]
            found[question][value] = count / (total or 1)
    return found


def option_files(
    files: Mapping[str, str],
) -> Iterator[tuple[str, str, str, str]]:
    """Yield the question, the value, the path and the object of each file in options/."""
    for path, name in files.items():
        top, *parts = path.split("/")
        if top[0] != "{" or len(parts) < 4 or parts[0] != "options":
            continue
        yield parts[1], parts[2], "/".join(parts[3:]), name


def add(
    counts: dict[str, dict[str, int]],
    question: str,
    value: str,
    count: int,
) -> None:
    """Add a count to those of a question and a value."""
    values = counts.setdefault(question, {})
    values[value] = values.get(value, 0) + count


def files_of(repository: Path, render: Path) -> Files:
    """Return the files of a render, by path and object."""
    tree = tree_of(repository, render)
    return set(blobs(repository, tree).items())
