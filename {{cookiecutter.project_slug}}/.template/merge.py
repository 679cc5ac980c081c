"""Merge by Git alone: trees in its object store, three sides, and one step that puts the result into the working tree."""

import os
import re
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class RefusedError(Exception):
    """Something that a person has to put right first; nothing was changed."""


ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "LC_ALL": "C",
    **{f"GIT_{who}_{what}": "update@template" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
# Whatever a person has configured: bytes as they are, and files followed where they were moved to.
CONFIGURATION = {"core.autocrlf": "false", "core.fsmonitor": "false", "core.quotePath": "false"}
CONFIGURATION |= {"core.attributesFile": os.devnull, "merge.renames": "true", "merge.directoryRenames": "conflict"}
# Whatever a repository or a person has configured: Git runs no program for us, and leaves none behind.
SAFE = {"core.hooksPath": os.devnull, "gc.auto": "0", "maintenance.auto": "false", "submodule.recurse": "false"}
SAFE |= {"protocol.ext.allow": "never", "protocol.fd.allow": "never"}


def options(settings: Mapping[str, str]) -> list[str]:
    """Return settings as Git takes them on its command line."""
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def git(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    fails: tuple[int, ...] = (),
    merging: bool = True,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return what Git prints; file names that are no UTF-8 survive. Raise RefusedError where it fails otherwise than `fails`.

    `merging` sets the configuration above; what touches the working tree obeys the person's own.
    """
    settings = SAFE | CONFIGURATION if merging else SAFE
    done = subprocess.run(
        ["git", *options(settings), *arguments],
        cwd=folder,
        input=given,
        env=ENVIRONMENT | dict(env or {}),
        capture_output=True,
        check=False,
    )
    if done.returncode not in (0, *fails):
        raise RefusedError(f"git {' '.join(arguments[:3])} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8", "surrogateescape")


def rows(output: str) -> list[str]:
    """Return the parts of output that zeros end."""
    return output.split("\0")[:-1]


def names(folder: Path, *arguments: str) -> list[str]:
    """Return the file names that a Git command prints."""
    return rows(git(folder, arguments[0], "-z", *arguments[1:]))


def scratch_folder(prefix: str = "") -> "tempfile.TemporaryDirectory[str]":
    """Return a folder for one use. What cannot be removed is left behind; it never decides how an update ends."""
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


@dataclass
class Merge:
    """The three sides as trees, the merged tree, and what has to be said about it."""

    repository: Path
    base: str
    ours: str
    theirs: str
    tree: str = ""
    conflicts: dict[str, dict[int, str]] = field(default_factory=dict)  # path -> stage -> mode and object
    deleted: list[str] = field(default_factory=list)  # by us, while the template changed them
    moved: list[tuple[str, str]] = field(default_factory=list)  # by us, and the template's change went along
    kinds: dict[str, tuple[str, list[str]]] = field(default_factory=dict)  # path -> Git's word, and all its paths


def tree_of(repository: Path, folder: Path) -> str:
    """Store a folder in the repository's object store; return its tree."""
    where = Path(git(repository, "rev-parse", "--absolute-git-dir").strip())
    with scratch_folder() as scratch:
        index = {"GIT_DIR": str(where), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": f"{scratch}/index"}
        git(folder, "add", "--all", "--force", ".", env=index)
        return git(folder, "write-tree", env=index).strip()


def edited(repository: Path, tree: str, *lines: str) -> str:
    """Return a tree that differs from another by lines of `git update-index --index-info`."""
    with scratch_folder() as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        git(repository, "read-tree", tree, env=index)
        given = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
        git(repository, "update-index", "-z", "--index-info", given=given, env=index)
        return git(repository, "write-tree", env=index).strip()


def content(repository: Path, name: str) -> bytes:
    """Return an object's bytes, none where there is no such object."""
    done = subprocess.run(
        ["git", "cat-file", "blob", name], cwd=repository, env=ENVIRONMENT, capture_output=True, check=False
    )
    return done.stdout


def stored(repository: Path, data: bytes) -> str:
    """Store bytes; return the object's name."""
    return git(repository, "hash-object", "-w", "--stdin", given=data).strip()


def changes(repository: Path, one: str, other: str, moves: bool = True) -> Iterator[tuple[str, str, str]]:
    """Yield the letter, the old and the new path of what differs between two trees."""
    how = "-M" if moves else "--no-renames"
    parts = iter(rows(git(repository, "diff-tree", "-r", "-z", how, "--name-status", one, other)))
    for letter in parts:
        old = next(parts)
        yield letter[0], old, next(parts) if letter[0] in "RC" else old


def line_ends(repository: Path, ours: str, base: Path, theirs: Path) -> tuple[str, str]:
    """Give the renders CRLF where our file has it throughout, so that line ends are no conflict; return their trees."""
    trees = tree_of(repository, base), tree_of(repository, theirs)
    changed = False
    for letter, old, new in changes(repository, trees[0], ours):
        if letter not in "MR":
            continue
        data = content(repository, f"{ours}:{new}")
        if b"\r\n" in data and data.count(b"\r\n") == data.count(b"\n") and b"\0" not in data:
            for render in (base, theirs):
                if (render / old).is_file():
                    (render / old).write_bytes((render / old).read_bytes().replace(b"\n", b"\r\n"))
                    changed = True
    return (tree_of(repository, base), tree_of(repository, theirs)) if changed else trees


def told(merged: Merge, messages: Iterator[str]) -> None:
    """Keep what Git says of each conflict: a count of paths, the paths, a stable word for the kind, a sentence."""
    for count in messages:
        paths = [next(messages) for _ in range(int(count))]
        kind = next(messages)
        next(messages)
        if kind.startswith("CONFLICT"):
            for path in paths:
                merged.kinds.setdefault(path, (kind, paths))


def rename(merged: Merge, sides: Sequence[str]) -> None:
    """Say whose file it is where Git had to put one beside its place, under a name that ends in a commit."""
    labels = dict(zip(sides, ("yours", "template"), strict=True))
    ends = re.compile(rf"~({'|'.join(sides)})(_\d+)?$")
    taken = set(rows(git(merged.repository, "ls-tree", "-r", "-t", "-z", "--name-only", merged.tree)))
    new = {}
    for path in [*taken, *merged.conflicts]:
        if found := ends.search(path):
            plain = f"{path[: found.start()]}~{labels[found[1]]}{found[2] or ''}"
            new[path] = path if plain in taken else plain
    edits = []
    for path, plain in new.items():
        entry = git(merged.repository, "ls-tree", "-z", merged.tree, "--", f":(literal){path}").strip("\0")
        if entry and plain != path:
            edits += [f"0 {'0' * 40}\t{path}", f"{entry.partition(chr(9))[0]}\t{plain}"]
    if edits:
        merged.tree = edited(merged.repository, merged.tree, *edits)
    merged.conflicts = {new.get(path, path): stages for path, stages in merged.conflicts.items()}
    merged.kinds = {
        new.get(path, path): (kind, [new.get(each, each) for each in paths])
        for path, (kind, paths) in merged.kinds.items()
    }


def merge(repository: Path, base: str, ours: str, theirs: str, label: str) -> Merge:
    """Merge two trees that came from a third; what we deleted stays deleted."""
    merged = Merge(repository, base, ours, theirs)
    root = git(repository, "commit-tree", base, "-m", "base").strip()
    sides = [git(repository, "commit-tree", tree, "-p", root, "-m", "side").strip() for tree in (ours, theirs)]
    output = git(repository, "merge-tree", "--write-tree", "-z", "--messages", *sides, fails=(1,))
    merged.tree, *parts = rows(output)
    entries, messages = parts[: parts.index("")], parts[parts.index("") + 1 :]
    for entry in entries:
        about, _, path = entry.partition("\t")
        mode, name, stage = about.split()
        merged.conflicts.setdefault(path, {})[int(stage)] = f"{mode} {name}"
    told(merged, iter(messages))
    rename(merged, sides)
    edits = []
    for path, stages in list(merged.conflicts.items()):
        if stages.keys() == {1, 3}:
            del merged.conflicts[path]
            if merged.kinds.get(path, ("",))[0] != "CONFLICT (distinct modes)":
                merged.deleted.append(path.removesuffix("~template"))
            edits.append(f"0 {'0' * 40}\t{path}")
        elif found := git(repository, "ls-tree", "-z", merged.tree, "--", f":(literal){path}").strip("\0"):
            mode, _, name = found.partition("\t")[0].split()
            data = content(repository, name)
            said = data.replace(b"<<<<<<< " + sides[0].encode(), b"<<<<<<< yours")
            said = said.replace(b">>>>>>> " + sides[1].encode(), b">>>>>>> " + label.encode())
            if said != data:
                edits.append(f"{mode} {stored(repository, said)}\t{path}")
    if edits:
        merged.tree = edited(repository, merged.tree, *edits)
    theirs_changed = {old for _, old, _ in changes(repository, base, theirs)}
    merged.moved = [(a, b) for x, a, b in changes(repository, base, ours) if x == "R" and a in theirs_changed]
    return merged


def lost(merged: Merge) -> list[str]:
    """Return the lines that we wrote and that the merged tree has no longer; there must be none."""
    repository, missing = merged.repository, []
    origin = {new: old for _, old, new in changes(repository, merged.base, merged.ours)}
    for _, old, new in changes(repository, merged.ours, merged.tree):
        before = content(repository, f"{merged.base}:{origin.get(old, old)}")
        written = Counter(content(repository, f"{merged.ours}:{old}").splitlines())
        kept = Counter(content(repository, f"{merged.tree}:{new}").splitlines())
        missing += [f"{old}: {line!r}" for line in written - Counter(before.splitlines()) - kept]
    return missing


def put(merged: Merge, prefix: str, head: str) -> None:
    """Put the merged tree into index and files, conflicts as conflicts. Overwrite nothing that Git does not know.

    `head` is the commit that was merged, wherever HEAD is by now. Git then keeps or refuses what is not that commit's.
    """
    top, whole = merged.repository, merged.tree
    if prefix:
        with scratch_folder() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            git(top, "read-tree", head, env=index)
            git(top, "rm", "-r", "-q", "--cached", "--", f":(literal){prefix}", env=index)
            git(top, "read-tree", f"--prefix={prefix}", merged.tree, env=index)
            whole = git(top, "write-tree", env=index).strip()
    tracked = set(rows(git(top, "ls-files", "-z")))
    hidden = {entry[2:] for entry in rows(git(top, "ls-files", "-v", "-z")) if entry[0] == "S" or entry[0].islower()}
    for letter, name, _ in changes(top, head, whole, moves=False):
        if name in hidden:
            raise RefusedError(
                f"{name} is marked skip-worktree or assume-unchanged, so Git does not look at your edits: "
                f"cd {shlex.quote(str(top))} && git update-index --no-skip-worktree {shlex.quote(name)} "
                f"&& git update-index --no-assume-unchanged {shlex.quote(name)}"
            )
        for place in (Path(name), *list(Path(name).parents)[:-1]) if letter == "A" else ():
            there = top / place
            blocks = os.path.lexists(there) if str(place) == name else there.is_symlink() or there.is_file()
            if blocks and str(place) not in tracked:
                raise RefusedError(f"{place} is in the way of a file that the template brings: move it, or commit it.")
    git(top, "read-tree", "-m", "-u", head, whole, merging=False)
    lines = []
    for name, stages in merged.conflicts.items():
        lines += [f"0 {'0' * 40}\t{prefix}{name}"]
        lines += [f"{entry} {stage}\t{prefix}{name}" for stage, entry in sorted(stages.items())]
    if lines:
        given = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
        git(top, "update-index", "-z", "--index-info", given=given, merging=False)


OURS = (re.compile(rb"<<<<<<< yours(:.*)?"), re.compile(rb">>>>>>> template \S+( .*)?"))
ANYBODYS = (re.compile(rb"<<<<<<< .*"), re.compile(rb">>>>>>> .*"))


def marked(data: bytes, labels: tuple[re.Pattern[bytes], re.Pattern[bytes]] = ANYBODYS) -> bool:
    """Tell whether a file holds conflict markers, each alone on its line and in their order."""
    begin, end = labels
    seen = ""
    for line in data.splitlines():
        if begin.fullmatch(line):
            seen = "begin"
        elif line == b"=======" and seen:
            seen = "middle"
        elif seen == "middle" and end.fullmatch(line):
            return True
    return False


def committed(repository: Path, tree: str, brought: Collection[str]) -> list[str]:
    """Return the files of a tree that hold conflict markers which somebody committed.

    The labels that our own merge writes count everywhere, others only in files that the template brings and that are no
    documents: a document may show markers.
    """
    found = git(repository, "grep", "--no-color", "-z", "-l", "-G", "-e", "^<<<<<<< ", tree, fails=(1,))
    names = [name.partition(":")[2] for name in rows(found)]
    code = {name for name in brought if not name.endswith((".md", ".rst", ".txt"))}
    return [name for name in names if marked(content(repository, f"{tree}:{name}"), ANYBODYS if name in code else OURS)]
