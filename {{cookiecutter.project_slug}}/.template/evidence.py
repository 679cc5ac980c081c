"""Tell by a service's files what it was made from: which commit of the template, and which answers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from merge import RefusedError, content, git, rows

# How much of the text must be found again. Measured over the kept versions: the right version has all of it, however it
# was formatted; a version beside it has 0.5 to 0.85, and a service of 0.3.0 or older has at most 0.2 of 0.4.0.
ALIKE = 0.6
# By how much another value's files must be more like the service's than those of the recorded value.
CLEARLY = 0.25


def blobs(repository: Path, tree: str) -> dict[str, str]:
    """Return the object of each file in a tree."""
    entries = (entry.partition("\t") for entry in rows(git(repository, "ls-tree", "-r", "-z", tree)))
    return {path: about.split()[2] for about, _, path in entries}


def places(files: Mapping[str, str], answers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where the template's files end up with these answers, and each one's object."""
    package = str(answers.get("package_name"))
    for path, name in files.items():
        top, *parts = path.split("/")
        if top[0] != "{":
            continue
        if parts[0] == "options":
            if answers.get(parts[1], parts[2]) != parts[2]:
                continue
            parts = parts[3:]
        yield re.sub(r"\{+[^}]*package_name[^}]*\}+", lambda _: package, "/".join(parts)), name


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


def commits(clone: Path, repository: Path, prefix: str, answers: Mapping[str, Any]) -> list[str]:
    """Return the template's commits whose files, as they are copied, are most like the service's; newest first.

    A service's first commit holds what it was made from, so its history tells more than its newest files.
    """
    files = had(repository, prefix)
    best = 0
    scores = {}
    for commit in git(clone, "log", "--first-parent", "--format=%H", "HEAD").split():
        expected = set(places(blobs(clone, commit), answers))
        scores[commit] = len(expected & files) - len(expected - files)
        best = max(best, len(expected & files))
    if best < 5:
        raise RefusedError(
            'the service\'s files are not like any commit of the template. Name it: make update ARGS="--from COMMIT".'
        )
    return [commit for commit, score in scores.items() if score == max(scores.values())]


def phrases(text: bytes) -> set[bytes]:
    """Return all runs of five words; formatting and line ends do not change them."""
    words = re.findall(rb"\w+", text)
    return {b" ".join(words[start : start + 5]) for start in range(max(1, len(words) - 4))}


def like(repository: Path, ours: str, render: str, package: str) -> bool:
    """Tell whether the service's tree, or its history, holds what the template owns in a render.

    Half of the files as they are is enough: people edit some. Where a formatter changed them all and the history is
    gone, most of their words must be there.
    """
    folders = (f"src/{package}/telemetry/", "tests/telemetry/", ".template/")
    files = blobs(repository, render)
    owned = {path: name for path, name in files.items() if path.startswith(folders)} or files
    now = blobs(repository, ours)
    if found_again(owned.values(), now.values()):
        return True
    if found_again(owned.values(), [*now.values(), *(name for _, name in had(repository, ""))]):
        return True
    return share(repository, owned, now) > ALIKE


def share(repository: Path, owned: Mapping[str, str], now: Mapping[str, str]) -> float:
    """Return how much of the text of some files stands in files of the same names, in whatever folder these are."""
    expected: set[bytes] = set()
    for name in owned.values():
        expected |= phrases(content(repository, name))
    names = {path.rpartition("/")[2] for path in owned}
    there: set[bytes] = set()
    for path, name in now.items():
        if path.rpartition("/")[2] in names:
            there |= phrases(content(repository, name))
    return len(expected & there) / (len(expected) or 1)


def found_again(expected: Iterable[str], there: Iterable[str]) -> bool:
    """Tell whether at least half of the objects are among others."""
    wanted = list(expected)
    objects = set(there)
    return 2 * sum(name in objects for name in wanted) >= len(wanted)


def chosen(
    clone: Path, commit: str, directory: str, repository: Path, ours: str, answers: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return, for each choice that has folders in options/, the share of each value's files that the service has."""
    files = blobs(clone, f"{commit}:{directory}" if directory else commit)
    now = blobs(repository, ours)
    package = str(answers.get("package_name"))
    counts: dict[str, dict[str, list[int]]] = {}
    for path, name in files.items():
        top, *parts = path.split("/")
        if top[0] != "{" or len(parts) < 4 or parts[0] != "options":
            continue
        place = re.sub(r"\{+[^}]*package_name[^}]*\}+", lambda _: package, "/".join(parts[3:]))
        place = re.sub(r"\{[%].*?[%]\}", "", place)
        expected = phrases(re.sub(rb"\{[%{].*?[%}]\}", b" ", content(clone, name)))
        count = counts.setdefault(parts[1], {}).setdefault(parts[2], [0, 0])
        count[0] += len(expected)
        if place in now:
            count[1] += len(expected & phrases(content(repository, now[place])))
    return {
        question: {value: found / (total or 1) for value, (total, found) in values.items()}
        for question, values in counts.items()
    }
