"""Merge three trees by Git, in its object store: no file of the service is touched."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .repository import (
    blobs,
    changes,
    content,
    edited,
    entry,
    git,
    removal,
    rows,
    stored,
    tree_of,
)

# The stages of a conflict in Git's index. Stage 2 is ours.
BASE = 1
THEIRS = 3


@dataclass
class Merge:
    """The three sides as trees, the merged tree, and what the person must be told about it."""

    repository: Path
    base: str
    ours: str
    theirs: str
    tree: str = ""
    # Path -> stage -> mode and object.
    conflicts: dict[str, dict[int, str]] = field(default_factory=dict)
    # Files that we deleted and the template changed.
    deleted: list[str] = field(default_factory=list)
    # Files that we moved and the template changed: old and new path.
    moved: list[tuple[str, str]] = field(default_factory=list)
    # Path -> Git's word for the conflict, and all its paths.
    kinds: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


def merge(
    repository: Path,
    base: str,
    ours: str,
    theirs: str,
    label: str,
) -> Merge:
    """Merge two trees that came from a third. What we deleted stays deleted.

    `label` names the template's side in conflict markers.
    """
    merged = Merge(repository, base, ours, theirs)
    sides = commits(merged)
    output = git(
        repository,
        "merge-tree --write-tree -z --messages",
        *sides,
        highest=1,
    )
    read(merged, rows(output))
    rename(merged, sides)
    keep_deleted(merged)
    relabel(merged, sides, label)
    merged.moved = followed(merged)
    return merged


def commits(merged: Merge) -> list[str]:
    """Return a commit of our tree and one of the template's, both with the base as parent."""
    repository = merged.repository
    root = git(repository, "commit-tree -m base", merged.base).strip()
    made = []
    for tree in (merged.ours, merged.theirs):
        side = git(repository, "commit-tree -m side -p", root, tree)
        made.append(side.strip())
    return made


def read(
    merged: Merge,
    output: list[str],
) -> None:
    """Read what `git merge-tree` printed: the tree, the entries of conflicts, the messages."""
    end = output.index("")
    merged.tree = output[0]
    for line in output[1:end]:
        about, _, path = line.partition("\t")
        mode, name, stage = about.split()
        stages = merged.conflicts.setdefault(path, {})
        stages[int(stage)] = f"{mode} {name}"
    read_messages(merged, iter(output[end + 1 :]))


def read_messages(
    merged: Merge,
    parts: Iterator[str],
) -> None:
    """Keep each conflict's kind. A message is a count, so many paths, a kind and a sentence."""
    for count in parts:
        paths = [next(parts) for _ in range(int(count))]
        kind = next(parts)
        next(parts)
        if not kind.startswith("CONFLICT"):
            continue
        for path in paths:
            merged.kinds.setdefault(path, (kind, paths))


def rename(
    merged: Merge,
    sides: list[str],
) -> None:
    """Give readable names to the files that Git moved aside: NAME~yours and NAME~template."""
    new = plain_names(merged, sides)
    edits = []
    for path, plain in new.items():
        found = entry(merged.repository, merged.tree, path)
        if found and plain != path:
            edits.append(removal(path))
            edits.append(f"{found}\t{plain}")
    merged.tree = edited(merged.repository, merged.tree, edits)
    conflicts = {}
    for path, stages in merged.conflicts.items():
        conflicts[new.get(path, path)] = stages
    kinds = {}
    for path, (kind, paths) in merged.kinds.items():
        renamed = [new.get(each, each) for each in paths]
        kinds[new.get(path, path)] = (kind, renamed)
    merged.conflicts = conflicts
    merged.kinds = kinds


def plain_names(
    merged: Merge,
    sides: list[str],
) -> dict[str, str]:
    """Return a readable name for each path that ends with the commit of a side."""
    labels = {sides[0]: "yours", sides[1]: "template"}
    ends = re.compile(rf"~({'|'.join(sides)})(_\d+)?$")
    output = git(merged.repository, "ls-tree -r -t -z --name-only", merged.tree)
    taken = set(rows(output))
    new = {}
    for path in [*taken, *merged.conflicts]:
        found = ends.search(path)
        if not found:
            continue
        label = labels[found[1]]
        number = found[2] or ""
        plain = f"{path[: found.start()]}~{label}{number}"
        new[path] = path if plain in taken else plain
    return new


def keep_deleted(merged: Merge) -> None:
    """Keep the files deleted that we deleted, though the template changed them."""
    edits = []
    for path, stages in list(merged.conflicts.items()):
        if stages.keys() != {BASE, THEIRS}:
            continue
        kind, _ = merged.kinds.get(path, ("", []))
        if kind != "CONFLICT (distinct modes)":
            merged.deleted.append(path.removesuffix("~template"))
        del merged.conflicts[path]
        edits.append(removal(path))
    merged.tree = edited(merged.repository, merged.tree, edits)


def relabel(
    merged: Merge,
    sides: list[str],
    label: str,
) -> None:
    """Put words in place of the commits in conflict markers.

    The attribute conflict-marker-size makes markers longer or shorter.
    """
    begin = re.compile(rb"^(<+) " + sides[0].encode(), re.MULTILINE)
    end = re.compile(rb"^(>+) " + sides[1].encode(), re.MULTILINE)
    ours = rb"\1 yours"
    theirs = rb"\1 " + label.encode()
    edits = []
    for path in merged.conflicts:
        found = entry(merged.repository, merged.tree, path)
        if not found:
            continue
        mode, _, name = found.split()
        data = content(merged.repository, name)
        text = begin.sub(ours, data)
        text = end.sub(theirs, text)
        if text != data:
            edits.append(f"{mode} {stored(merged.repository, text)}\t{path}")
    merged.tree = edited(merged.repository, merged.tree, edits)


def followed(merged: Merge) -> list[tuple[str, str]]:
    """Return the files that we moved and the template changed: old and new path."""
    theirs = {old for _, old, _ in changes(merged.repository, merged.base, merged.theirs)}
    moved = []
    for letter, old, new in changes(merged.repository, merged.base, merged.ours):
        if letter == "R" and old in theirs:
            moved.append((old, new))
    return moved


def line_ends(
    repository: Path,
    ours: str,
    base: Path,
    theirs: Path,
) -> tuple[str, str]:
    """Return the trees of two renders, with CRLF in the files that have CRLF in our tree.

    Otherwise a conflict would be reported for each line of such a file.
    """
    before = tree_of(repository, base)
    changed = False
    for letter, old, new in changes(repository, before, ours):
        if letter not in "MR":
            continue
        if not all_crlf(content(repository, f"{ours}:{new}")):
            continue
        for render in (base, theirs):
            changed |= to_crlf(render / old)
    if changed:
        before = tree_of(repository, base)
    return before, tree_of(repository, theirs)


def all_crlf(data: bytes) -> bool:
    """Tell whether a text has CRLF at the end of each line."""
    count = data.count(b"\r\n")
    return count > 0 and count == data.count(b"\n") and b"\0" not in data


def to_crlf(file: Path) -> bool:
    """Give a file CRLF; return whether there is such a file."""
    if not file.is_file():
        return False
    data = file.read_bytes()
    file.write_bytes(data.replace(b"\n", b"\r\n"))
    return True


def lost(merged: Merge) -> list[str]:
    """Return the lines that we wrote and the merged tree does not have. There must be none."""
    origin = {}
    for _, old, new in changes(merged.repository, merged.base, merged.ours):
        origin[new] = old
    missing = []
    for _, old, new in changes(merged.repository, merged.ours, merged.tree):
        base = lines(merged, merged.base, origin.get(old, old))
        ours = lines(merged, merged.ours, old)
        kept = lines(merged, merged.tree, new)
        for line in ours - base - kept:
            missing.append(f"{old}: {line!r}")
    return missing


def lines(
    merged: Merge,
    tree: str,
    path: str,
) -> Counter[bytes]:
    """Return how often each line stands in a file of a tree."""
    data = content(merged.repository, f"{tree}:{path}")
    return Counter(data.splitlines())


def brought(merged: Merge) -> set[str]:
    """Return the files that the template brings, in the old version or in the new one."""
    old = blobs(merged.repository, merged.base)
    new = blobs(merged.repository, merged.theirs)
    return old.keys() | new.keys()
