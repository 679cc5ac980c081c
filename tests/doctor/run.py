"""Runs the doctor of a generated service as a person would, and reads its report."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


class Ahead:
    """Runs what the selected tests of a module will ask for, some at a time: a run mostly waits."""

    AT_ONCE = 3

    def __init__(self, pool: ThreadPoolExecutor, run: Callable[..., Report]) -> None:
        """Start nothing yet."""
        self._pool = pool
        self._run = run
        self._futures: dict[tuple[Any, ...], Future[Report]] = {}

    def begin(self, *key: Any) -> Future[Report]:
        """Queue a run, once."""
        if key not in self._futures:
            self._futures[key] = self._pool.submit(self._run, *key)
        return self._futures[key]

    def __call__(self, *key: Any) -> Report:
        """Return the report of a run, and wait for it if it goes on still."""
        return self.begin(*key).result(timeout=300)


@contextmanager
def ahead(request: pytest.FixtureRequest, names: tuple[str, ...], run: Callable[..., Report]) -> Iterator[Ahead]:
    """Start `run` with the parameters of these names of each selected test of the module."""
    pool = ThreadPoolExecutor(Ahead.AT_ONCE)
    runs = Ahead(pool, run)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # where each process is selected for everything and runs a part
        for item in request.session.items:
            parameters = getattr(item, "callspec", None)
            if parameters and item.path == request.path and set(names) <= parameters.params.keys():
                runs.begin(*(parameters.params[name] for name in names))
    yield runs
    pool.shutdown(cancel_futures=True)
