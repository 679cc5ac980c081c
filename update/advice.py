"""What a person does about each conflict, as commands that can be pasted."""

import re
import shlex
from pathlib import Path

from .markers import marked
from .merge import BASE, THEIRS, Merge
from .repository import changes, content, git, rows

OURS = 2
ASIDE = re.compile(r"~(yours|template)(_\d+)?$")


def settle(
    merged: Merge,
    service: Path,
) -> dict[str, str]:
    """Return each file that needs a person, and what to do about it, by what is there now."""
    found = {}
    for path in sorted(merged.conflicts):
        found[path] = advice(merged, path)
    for _, _, path in changes(merged.repository, merged.ours, merged.tree):
        file = service / path
        if path in found or file.is_symlink() or not file.is_file():
            continue
        if marked(file.read_bytes()):
            found[path] = "it holds conflict markers: <<<<<<< and >>>>>>>"
    for path in rows(git(service, "ls-files -z --others --exclude-standard")):
        if path.endswith(".rej"):
            found[path] = "apply by hand what it holds, then delete it"
    return found


def advice(merged: Merge, path: str) -> str:
    """Return what to do about a conflict, by Git's word for its kind."""
    kind, paths = merged.kinds.get(path, ("", [path]))
    stages = merged.conflicts[path].keys()
    if "(rename/rename)" in kind and len(paths) == 3:
        return both_moved(path, *paths)
    if "(file/directory)" in kind:
        return file_and_folder(path, OURS in stages)
    if "(distinct modes)" in kind:
        return two_kinds(merged, path, paths)
    if "(directory rename suggested)" in kind and len(stages) == 1:
        return moved_folder(path, paths[1])
    here = shlex.quote(path)
    if stages == {BASE, OURS}:
        return (
            "you edited it, the template deleted it. "
            f"Keep it: git add {here}. Or delete it: git rm {here}"
        )
    if marked(content(merged.repository, f"{merged.tree}:{path}")):
        return (
            "both sides changed it: keep what is right between <<<<<<< yours "
            "and >>>>>>> template, then git add it"
        )
    return by_sides(here, set(stages))


def by_sides(
    here: str,
    stages: set[int],
) -> str:
    """Return what to do about a conflict that is not one of lines."""
    if stages >= {OURS, THEIRS}:
        ours = f"git checkout --ours -- {here} && git add {here}"
        theirs = f"git checkout --theirs -- {here} && git add {here}"
        return (
            "both sides changed it, and not by lines. "
            f"Keep yours: {ours}. Or take the template's: {theirs}"
        )
    return f"only one side has it. Keep it: git add {here}. Or delete it: git rm {here}"


def file_and_folder(path: str, ours: bool) -> str:
    """Return what to do about a file where the other side has a folder."""
    here = shlex.quote(path)
    place = ASIDE.sub("", path)
    who = "you have" if ours else "the template has"
    other = "the template" if ours else "you"
    return (
        f"{who} a file {place} where {other} made a folder, so it is {path} now. "
        f"Keep it under another name: git add {here} && git mv {here} NEW_NAME. "
        f"Or drop it: git rm {here}"
    )


def moved_folder(path: str, place: str) -> str:
    """Return what to do about a new file whose folder we moved."""
    here = shlex.quote(path)
    there = shlex.quote(place)
    back = f"git add {here} && mkdir -p $(dirname {there}) && git mv {here} {there}"
    return (
        f"you moved its folder, so it was put here, not at {place}. "
        f"Keep it here: git add {here}. Or move it back: {back}"
    )


def both_moved(
    path: str,
    old: str,
    yours: str,
    template: str,
) -> str:
    """Return what to do about a file that both sides moved. It is said once, at the old name."""
    if path != old:
        return f"one of two new names of {old}, see there"
    first = shlex.quote(old)
    second = shlex.quote(yours)
    third = shlex.quote(template)
    return (
        f"you moved it to {yours}, the template to {template}, and both files are there. "
        f"Keep your name: git rm {first} {third} && git add {second}. "
        f"Or the template's: git rm {first} {second} && git add {third}"
    )


def two_kinds(
    merged: Merge,
    path: str,
    paths: list[str],
) -> str:
    """Return what to do where one side has a file and the other a link or a submodule."""
    others = [each for each in paths if each != path]
    other = others[0] if others else path
    if other not in merged.conflicts:
        return one_place(merged, path)
    if len(path) > len(other):
        return f"the other kind of {other}, see there"
    here = shlex.quote(path)
    there = shlex.quote(other)
    this = f"git rm {there} && git add {here}"
    that = f"git rm {here} && git add {there} && git mv {there} {here}"
    whose = "yours"
    yours = that
    template = this
    if OURS in merged.conflicts[path]:
        whose = "the template's"
        yours = this
        template = that
    return (
        f"you and the template made it two different kinds, a file and a link; "
        f"{whose} is {other}. Keep yours: {yours}. Or take the template's: {template}"
    )


def one_place(merged: Merge, path: str) -> str:
    """Return what to do where both kinds need one place, and only ours is there."""
    here = shlex.quote(path)
    found = git(merged.repository, "rev-parse", f"{merged.theirs}:{path}").strip()
    take = f"git rm {here} && git cat-file blob {found} > {here} && git add {here}"
    return (
        "you and the template made it two different kinds, a file and a link. "
        f"Keep yours: git add {here}. Or take the template's: {take}"
    )
