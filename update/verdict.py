"""The result of an update: whether the telemetry tests pass, and how the report says it."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .repository import git

BACK = "git restore --staged --worktree ."
# Comes first: Git restores no unmerged path that the commit does not have.
UNMERGED = "git add -u . && "
TESTS = ["uv", "run", "--quiet", "pytest", "-q", "-p", "no:cacheprovider", "tests/telemetry"]
# How the title of a pull request begins.
FLAGS = {
    "tests failed": "TESTS FAIL: ",
    "moved": "UNCERTAIN: ",
}

Report = Mapping[str, Any]


def test(
    service: Path,
    environment: Mapping[str, str],
) -> str:
    """Run the telemetry tests as the service's people do; return what is wrong."""
    if not (service / "tests/telemetry").is_dir():
        return "tests/telemetry is missing, so nothing proves that telemetry works"
    lock = service / "uv.lock"
    there = lock.exists()
    tracked = git(service, "ls-files uv.lock")
    command = " ".join(TESTS)
    print(f"\n$ {command}", flush=True)
    variables = dict(environment)
    variables["TMPDIR"] = tempfile.gettempdir()
    try:
        done = subprocess.run(
            TESTS,
            cwd=service,
            env=variables,
            check=False,
        )
    except OSError as error:
        return str(error)
    if tracked:
        # The new dependencies are a part of the update.
        git(service, "add uv.lock", merging=False)
    elif not there:
        lock.unlink(missing_ok=True)
    if done.returncode:
        return f"exit status {done.returncode}"
    return ""


def title(report: Report) -> str:
    """Return the title of a pull request, the worst first."""
    flag = FLAGS.get(report["result"], "")
    if report["result"] == "conflicts":
        flag = f"CONFLICTS in {len(report['settle'])}: "
    return f"{flag}Update to template {report['to']['version']}"


def told(report: Report) -> str:
    """Return the result as a person reads it."""
    commit = report["to"]["commit"][:7]
    lines = outcome(report, f"updated to {report['to']['version']} ({commit})")
    back = BACK
    if report["settle"]:
        back = UNMERGED + BACK
    lines.append(f"to undo the update: {back}")
    return "\n".join(lines)


def outcome(
    report: Report,
    updated: str,
) -> list[str]:
    """Return what came of the update, and what is left to do, as lines."""
    left = [f"  {path}: {what}" for path, what in report["settle"].items()]
    if report["result"] == "moved":
        first = (
            f"{updated}, but the service changed meanwhile: look at git status, then uv run pytest"
        )
        return [first, *left]
    if left:
        first = f"{updated}, with {len(left)} to settle; the telemetry tests were not run:"
        return [first, *left, "then: uv run pytest, git commit"]
    if report["result"] == "tests failed":
        return [f"{updated}, but the telemetry tests do not pass: {report['tests']}"]
    return [f"{updated}; telemetry tests: {report['tests']}. Look at it: git diff --staged"]


def body(report: Report) -> str:
    """Return the text of a pull request: what is left to do, the notes, the changelog."""
    parts = [told(report)]
    notes = [f"note: {line}" for line in report["told"]]
    if notes:
        parts.append("\n".join(notes))
    parts.append(report["changelog"])
    return "\n\n".join(parts)
