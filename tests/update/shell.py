"""Commands, run as a person with no Git configuration would."""

import os
import subprocess
import sys
from pathlib import Path

from ..harness.service import TEMPLATE, clean_environment

BIN = Path(sys.executable).parent
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
WAY_BACK = "git restore --staged --worktree ."


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; the result holds its exit status and what it printed."""
    who = {f"GIT_{role}_{what}": "x@y.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    plain = {"PATH": f"{BIN}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(proxies=True) | who | plain | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=600,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    """Return what Git prints; raise where it fails."""
    done = run(folder, "git", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path, message: str = "change") -> None:
    """Commit all that is in the folder, as the repository's first commit or a later one."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def update(service: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Update a service with its own program, or the template's where it has none yet."""
    program = service / ".template/update.py"
    program = program if program.exists() else PROJECT / ".template/update.py"
    return run(service, sys.executable, str(program), *arguments, **variables)
