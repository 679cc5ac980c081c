"""The truth about an update: what is left to settle, whether the telemetry tests pass, and how that is told."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merge import Merge, changes, content, git, marked, names

BACK = "git restore --staged --worktree ."


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
    """Return what a person does about a conflict."""
    if merged.conflicts[path].keys() == {1, 2}:
        return "you edited it, the template deleted it: keep it by git add, or git rm it"
    if marked(content(merged.repository, f"{merged.tree}:{path}")):
        return "both changed it: keep what is right between <<<<<<< yours and >>>>>>> template, then git add it"
    return "both changed it, and not by lines: choose by git checkout --ours or --theirs, then git add it"


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
    return f"{flag.get(report['result'], '')}Update to template {report['to']['version']}"


def told(report: Mapping[str, Any]) -> str:
    """Return the verdict as a person reads it."""
    version = f"{report['to']['version']} ({report['to']['commit'][:7]})"
    lines = []
    if report["settle"]:
        lines += [f"updated to {version}, with {len(report['settle'])} to settle; the telemetry tests wait for it:"]
        lines += [f"  {path}: {what}" for path, what in report["settle"].items()]
        lines += ["then: uv run pytest, git commit"]
    elif report["result"] == "tests failed":
        lines += [f"updated to {version}, but the telemetry tests do not pass: {report['tests']}"]
    else:
        lines += [f"updated to {version}; telemetry tests: {report['tests']}. Look at it: git diff --staged"]
    return "\n".join([*lines, f"the way back: {BACK}"])


def body(report: Mapping[str, Any]) -> str:
    """Return the text of a pull request: what is left to do, what was noted, what is new."""
    parts = [told(report), *(f"note: {line}" for line in report["told"]), report["changelog"]]
    return "\n\n".join(parts[:1] + ["\n".join(parts[1:-1])] * (len(parts) > 2) + parts[-1:])
