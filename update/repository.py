"""Run Git, and read and write objects of a repository."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .printing import masked


class RefusedError(Exception):
    """Something that a person has to fix first. Nothing was changed."""


WHO = "update@template"
# Variables such as GIT_DIR would lead Git to another repository.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
ENVIRONMENT |= {
    "LC_ALL": "C",
    "GIT_AUTHOR_NAME": WHO,
    "GIT_AUTHOR_EMAIL": WHO,
    "GIT_COMMITTER_NAME": WHO,
    "GIT_COMMITTER_EMAIL": WHO,
}
# For every command: Git runs no program of the repository, and leaves none running.
SAFE = {
    "core.hooksPath": os.devnull,
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "protocol.ext.allow": "never",
    "protocol.fd.allow": "never",
}
# For a merge, whatever a person has configured: bytes stay, and Git follows moved files.
MERGING = {
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.attributesFile": os.devnull,
    "merge.renames": "true",
    "merge.directoryRenames": "conflict",
    "merge.conflictStyle": "merge",
}

# Prints a commit's or a tree's name, or nothing if there is none.
VERIFY = "rev-parse -q --verify"


def options(
    settings: Mapping[str, str],
) -> list[str]:
    """Return settings as Git takes them on its command line."""
    words = []
    for name, value in settings.items():
        words += ["-c", f"{name}={value}"]
    return words


def git(
    folder: Path,
    command: str,
    *arguments: str,
    given: bytes = b"",
    highest: int = 0,
    merging: bool = True,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return what Git prints. Raise RefusedError if its exit status is above `highest`.

    `command` is a command with its options, separated by spaces; `arguments` come after it. File
    names that are not UTF-8 survive. Commands that touch the working tree obey the person's own
    configuration: they are called with `merging=False`.
    """
    settings = SAFE | MERGING if merging else SAFE
    try:
        done = subprocess.run(
            ["git", *options(settings), *command.split(), *arguments],
            cwd=folder,
            input=given,
            env=ENVIRONMENT | dict(env or {}),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise RefusedError(f"Git cannot be run: {error}. Install Git 2.38 or newer.") from None
    if not 0 <= done.returncode <= highest:
        reason = done.stderr.decode(errors="replace").strip()
        raise RefusedError(f"git {command} failed: {masked(reason)}")
    return done.stdout.decode("utf-8", "surrogateescape")


def rows(output: str) -> list[str]:
    """Return the parts of an output whose parts end with a zero byte."""
    return output.split("\0")[:-1]


def scratch_folder(prefix: str = "") -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder. A file that cannot be removed never decides how an update ends."""
    return tempfile.TemporaryDirectory(
        prefix=prefix,
        ignore_cleanup_errors=True,
    )


def tree_of(repository: Path, folder: Path) -> str:
    """Store the files of a folder in the repository's object store; return their tree."""
    where = git(repository, "rev-parse --absolute-git-dir").strip()
    with scratch_folder() as scratch:
        index = {
            "GIT_DIR": where,
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": f"{scratch}/index",
        }
        git(folder, "add --all --force .", env=index)
        return git(folder, "write-tree", env=index).strip()


def index_lines(lines: list[str]) -> bytes:
    """Return lines as `git update-index -z --index-info` reads them."""
    text = "".join(f"{line}\0" for line in lines)
    return text.encode("utf-8", "surrogateescape")


def removal(path: str) -> str:
    """Return the line of `git update-index --index-info` that removes a path."""
    zeros = "0" * 40
    return f"0 {zeros}\t{path}"


def edited(
    repository: Path,
    tree: str,
    lines: list[str],
) -> str:
    """Return a tree that differs from another by lines of `git update-index --index-info`."""
    if not lines:
        return tree
    with scratch_folder() as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        git(repository, "read-tree", tree, env=index)
        git(
            repository,
            "update-index -z --index-info",
            given=index_lines(lines),
            env=index,
        )
        return git(repository, "write-tree", env=index).strip()


def entry(
    repository: Path,
    tree: str,
    path: str,
) -> str:
    """Return the mode, kind and object of a path in a tree; empty if it is not there."""
    found = git(repository, "ls-tree -z", tree, "--", f":(literal){path}")
    return found.strip("\0").partition("\t")[0]


def blobs(
    repository: Path,
    tree: str,
) -> dict[str, str]:
    """Return the object of each file in a tree."""
    found = {}
    for line in rows(git(repository, "ls-tree -r -z", tree)):
        about, _, path = line.partition("\t")
        found[path] = about.split()[2]
    return found


def content(repository: Path, name: str) -> bytes:
    """Return the bytes of an object, none if there is no such object."""
    done = subprocess.run(
        ["git", "cat-file", "blob", name],
        cwd=repository,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    return done.stdout


def stored(repository: Path, data: bytes) -> str:
    """Store bytes; return the object's name."""
    return git(repository, "hash-object -w --stdin", given=data).strip()


def changes(
    repository: Path,
    one: str,
    other: str,
    moves: bool = True,
) -> Iterator[tuple[str, str, str]]:
    """Yield the letter, the old path and the new path of each difference between two trees."""
    how = "-M" if moves else "--no-renames"
    output = git(repository, "diff-tree -r -z --name-status", how, one, other)
    parts = iter(rows(output))
    for word in parts:
        letter = word[0]
        old = next(parts)
        new = old
        if letter in "RC":
            new = next(parts)
        yield letter, old, new
