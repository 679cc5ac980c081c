"""Runs the doctor of a generated service as a person would, and reads its report."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..harness.service import clean_environment

LIMIT = 15.0  # seconds that the doctor promises to end within


@dataclass(frozen=True)
class Report:
    """What came of a run; `checks` only if it was asked for a document."""

    status: int
    out: str
    err: str
    seconds: float
    checks: list[dict[str, str]]

    @property
    def findings(self) -> dict[str, str]:
        """The key of each finding, and what it says."""
        return {check["key"]: check["says"] for check in self.checks if check["level"] == "finding"}

    @property
    def notes(self) -> dict[str, str]:
        """The key of each note, and what it says."""
        return {check["key"]: check["says"] for check in self.checks if check["level"] == "note"}

    @property
    def words(self) -> str:
        """All that a person would read."""
        return "\n".join(f"{check['says']}\n{check['fix']}" for check in self.checks) or self.out


def doctor(project: Path, *arguments: str, **variables: str) -> Report:
    """Run `doctor --json`, or with these arguments, in a clean environment with these variables."""
    options = arguments or ("--json",)
    began = time.monotonic()
    done = subprocess.run(
        [project / ".venv" / "bin" / project.name, "doctor", *[o for o in options if o]],
        cwd=project,
        env=clean_environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    seconds = time.monotonic() - began
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    checks: list[dict[str, str]] = []
    if "--json" in options:
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["status"] == done.returncode, done.stdout
        checks = document["checks"]
    return Report(done.returncode, done.stdout, done.stderr, seconds, checks)
