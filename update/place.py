"""Put a merged tree into the index and the files of the service, in one step."""

import os
import shlex
from pathlib import Path, PurePosixPath

from .merge import Merge
from .repository import (
    RefusedError,
    changes,
    git,
    index_lines,
    removal,
    rows,
    scratch_folder,
)


def put(
    merged: Merge,
    prefix: str,
    head: str,
) -> None:
    """Put the merged tree into index and files, conflicts as Git's own conflicts.

    `head` is the commit that was merged, wherever HEAD is now. Git keeps or refuses whatever
    differs from that commit. Files that Git does not know are never overwritten.
    """
    top = merged.repository
    whole = whole_tree(merged, prefix, head)
    refuse_obstacles(top, head, whole)
    git(top, "read-tree -m -u", head, whole, merging=False)
    lines = []
    for name, stages in merged.conflicts.items():
        lines.append(removal(f"{prefix}{name}"))
        for stage, found in sorted(stages.items()):
            lines.append(f"{found} {stage}\t{prefix}{name}")
    if not lines:
        return
    given = index_lines(lines)
    git(top, "update-index -z --index-info", given=given, merging=False)


def whole_tree(
    merged: Merge,
    prefix: str,
    head: str,
) -> str:
    """Return the tree of the repository with the merged tree in the service's folder."""
    if not prefix:
        return merged.tree
    top = merged.repository
    with scratch_folder() as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        git(top, "read-tree", head, env=index)
        git(top, "rm -r -q --cached --", f":(literal){prefix}", env=index)
        git(top, "read-tree", f"--prefix={prefix}", merged.tree, env=index)
        return git(top, "write-tree", env=index).strip()


def refuse_obstacles(
    top: Path,
    head: str,
    whole: str,
) -> None:
    """Raise RefusedError for a file whose content Git does not know and would overwrite."""
    tracked = set(rows(git(top, "ls-files -z")))
    hidden = hidden_files(top)
    for letter, name, _ in changes(top, head, whole, moves=False):
        if name in hidden:
            folder = shlex.quote(str(top))
            file = shlex.quote(name)
            raise RefusedError(
                f"{name} is marked skip-worktree or assume-unchanged, so Git ignores your edits: "
                f"cd {folder} && git update-index --no-skip-worktree {file} "
                f"&& git update-index --no-assume-unchanged {file}"
            )
        if letter == "A":
            refuse_untracked(top, name, tracked)


def hidden_files(top: Path) -> set[str]:
    """Return the files that Git does not look at: `S` or a lower-case letter in its list."""
    hidden = set()
    for line in rows(git(top, "ls-files -v -z")):
        letter = line[0]
        if letter == "S" or letter.islower():
            hidden.add(line[2:])
    return hidden


def refuse_untracked(
    top: Path,
    name: str,
    tracked: set[str],
) -> None:
    """Raise RefusedError if an untracked file is where a new file, or its folder, will be."""
    blocking = [name] if os.path.lexists(top / name) else []
    for parent in PurePosixPath(name).parents:
        there = top / parent
        if there.is_symlink() or there.is_file():
            blocking.append(str(parent))
    for place in blocking:
        if place not in tracked:
            raise RefusedError(
                f"{place} is in the way of a file that the template brings: move it, or commit it."
            )
