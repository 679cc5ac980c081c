"""The truth about an update: what is left to settle, whether the telemetry tests pass, and how that is told."""

import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merge import Merge, changes, content, git, marked, names

BACK = "git restore --staged --worktree ."
UNMERGED = "git add -u . && "  # first: Git restores no unmerged path that the commit does not have


def settle(merged: Merge, service: Path) -> dict[str, str]:
    """Return each file that needs a person, and what to do about it: by what is there now, not by what was meant."""
    found = {path: how(merged, path) for path in sorted(merged.conflicts)}
    for _, _, path in changes(merged.repository, merged.ours, merged.tree):
        file = service / path
        if path not in found and file.is_file() and not file.is_symlink() and marked(file.read_bytes()):
            found[path] = "it holds conflict markers: <<<<<<< and >>>>>>>"
    for path in names(service, "ls-files", "--others", "--exclude-standard"):
        if path.endswith(".rej"):
            found[path] = "apply by hand what it holds, then delete it"
    return found


def how(merged: Merge, path: str) -> str:
    """Return what a person does about a conflict, by commands that can be pasted."""
    stages = merged.conflicts[path].keys()
    kind, paths = merged.kinds.get(path, ("", [path]))
    here = shlex.quote(path)
    if "(rename/rename)" in kind and len(paths) == 3:
        return both_moved(path, *paths)
    if "(file/directory)" in kind:
        place = re.sub(r"~(yours|template)(_\d+)?$", "", path)
        whose = "you have" if 2 in stages else "the template has"
        other = "the template" if 2 in stages else "you"
        return (
            f"{whose} a file {place} where {other} made a folder, so it is {path} now. Keep it under another name: "
            f"git add {here} && git mv {here} NEW_NAME. Or drop it: git rm {here}"
        )
    if "(distinct modes)" in kind:
        return two_kinds(merged, path, paths)
    if "(directory rename suggested)" in kind and len(stages) == 1:
        place = shlex.quote(paths[1])
        return (
            f"its folder was moved, so it was put here, not at {paths[1]}. Keep it here: git add {here}. "
            f"Or move it back: git add {here} && mkdir -p $(dirname {place}) && git mv {here} {place}"
        )
    if stages == {1, 2}:
        return f"you edited it, the template deleted it. Keep it: git add {here}. Or delete it: git rm {here}"
    if marked(content(merged.repository, f"{merged.tree}:{path}")):
        return "both changed it: keep what is right between <<<<<<< yours and >>>>>>> template, then git add it"
    if stages >= {2, 3}:
        return (
            f"both changed it, and not by lines. Keep yours: git checkout --ours -- {here} && git add {here}. "
            f"Or take the template's: git checkout --theirs -- {here} && git add {here}"
        )
    return f"only one side has it. Keep it: git add {here}. Or delete it: git rm {here}"


def both_moved(path: str, old: str, yours: str, template: str) -> str:
    """Return what a person does about a file that both sides moved; it is said once, at its old name."""
    if path != old:
        return f"one of two new names of {old}, see there"
    first, second, third = map(shlex.quote, (old, yours, template))
    return (
        f"you moved it to {yours}, the template to {template}, and both files are there. "
        f"Keep your name: git rm {first} {third} && git add {second}. "
        f"Or the template's: git rm {first} {second} && git add {third}"
    )


def two_kinds(merged: Merge, path: str, paths: list[str]) -> str:
    """Return what a person does where one side has a link, or a submodule, and the other a file."""
    other = next((each for each in paths if each != path), path)
    here, there = shlex.quote(path), shlex.quote(other)
    if other not in merged.conflicts:
        found = content_of(merged, path)
        return (
            f"you and the template made it two different kinds, a file and a link. Keep yours: git add {here}. "
            f"Or take the template's: git rm {here} && git cat-file blob {found} > {here} && git add {here}"
        )
    if len(path) > len(other):
        return f"the other kind of {other}, see there"
    this = f"git rm {there} && git add {here}"
    that = f"git rm {here} && git add {there} && git mv {there} {here}"
    ours = 2 in merged.conflicts[path]
    whose = "the template's" if ours else "yours"
    return (
        f"you and the template made it two different kinds, a file and a link; {whose} is {other}. "
        f"Keep yours: {this if ours else that}. Or take the template's: {that if ours else this}"
    )


def content_of(merged: Merge, path: str) -> str:
    """Return the object that the template has at a path."""
    return git(merged.repository, "rev-parse", f"{merged.theirs}:{path}").strip()


def test(service: Path, environment: Mapping[str, str]) -> str:
    """Run the telemetry tests as the service would; return what is wrong."""
    if not (service / "tests/telemetry").is_dir():
        return "tests/telemetry is not there, so nothing proves that telemetry works"
    lock = service / "uv.lock"
    there, tracked = lock.exists(), names(service, "ls-files", "uv.lock")
    command = ["uv", "run", "--quiet", "pytest", "-q", "-p", "no:cacheprovider", "tests/telemetry"]
    print(f"\n$ {' '.join(command)}", flush=True)
    own = dict(environment) | {"TMPDIR": tempfile.gettempdir()}
    try:
        status = subprocess.run(command, cwd=service, env=own, check=False).returncode
    except OSError as error:
        return str(error)
    if tracked:  # the new dependencies are part of the update
        git(service, "add", "uv.lock", merging=False)
    elif not there:
        lock.unlink(missing_ok=True)
    return f"exit status {status}" if status else ""


def title(report: Mapping[str, Any]) -> str:
    """Return what the update is called, the worst first."""
    flag = {"conflicts": f"CONFLICTS in {len(report['settle'])}: ", "tests failed": "TESTS FAIL: "}
    flag["moved"] = "UNCERTAIN: "
    return f"{flag.get(report['result'], '')}Update to template {report['to']['version']}"


def told(report: Mapping[str, Any]) -> str:
    """Return the verdict as a person reads it."""
    version = f"{report['to']['version']} ({report['to']['commit'][:7]})"
    lines = []
    if report["result"] == "moved":
        lines += [f"updated to {version}, but the service changed meanwhile: look at git status, then uv run pytest"]
        lines += [f"  {path}: {what}" for path, what in report["settle"].items()]
    elif report["settle"]:
        lines += [f"updated to {version}, with {len(report['settle'])} to settle; the telemetry tests wait for it:"]
        lines += [f"  {path}: {what}" for path, what in report["settle"].items()]
        lines += ["then: uv run pytest, git commit"]
    elif report["result"] == "tests failed":
        lines += [f"updated to {version}, but the telemetry tests do not pass: {report['tests']}"]
    else:
        lines += [f"updated to {version}; telemetry tests: {report['tests']}. Look at it: git diff --staged"]
    back = UNMERGED + BACK if report["settle"] else BACK
    return "\n".join([*lines, f"the way back: {back}"])


def body(report: Mapping[str, Any]) -> str:
    """Return the text of a pull request: what is left to do, what was noted, what is new."""
    parts = [told(report), *(f"note: {line}" for line in report["told"]), report["changelog"]]
    return "\n\n".join(parts[:1] + ["\n".join(parts[1:-1])] * (len(parts) > 2) + parts[-1:])
