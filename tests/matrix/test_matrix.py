"""N units of work are N traces, whatever served them and whatever ended it; and the end comes soon."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Projects
from .cells import CELLS
from .measure import measure
from .outcome import FAULTY_RUNS, RUNS, Outcome, Run

slow = pytest.mark.slow
Outcomes = Callable[[Run], Outcome]


@slow
@pytest.mark.parametrize("run", RUNS, ids=str)
def test_all_work_arrives(run: Run, outcomes: Outcomes) -> None:
    """Each unit of work is one whole trace and nothing else arrives; each process has an id, and counters add up."""
    outcome = outcomes(run)
    assert outcome.problems == [], outcome.output


@slow
@pytest.mark.parametrize("run", FAULTY_RUNS, ids=str)
def test_the_end_comes_soon(run: Run, outcomes: Outcomes) -> None:
    """From SIGTERM until the last process is gone it takes less than 6 s, also while an export is stuck."""
    outcome = outcomes(run)
    assert outcome.problems == [], outcome.output


@slow
@pytest.mark.parametrize(
    ("file", "right", "wrong", "fault", "found"),
    [
        (
            "process/draining.py",
            "        while _groups:",
            "        while False:",
            None,
            "0 delivered, 0 duplicates, 0 others",
        ),
        ("resource.py", "str(uuid4())", '"me"', None, "not an id for each process"),
        ("process/draining.py", "DEADLINE_SECONDS = 4.0", "DEADLINE_SECONDS = 9.0", "black hole", "s to the end"),
    ],
    ids=["not drained", "one id", "too late"],
)
def test_faults_are_found(
    file: str, right: str, wrong: str, fault: str | None, found: str, projects: Projects, tmp_path: Path
) -> None:
    """A service that does not drain, or for too long, or whose processes share an id, is one with a problem."""
    project = projects("grpc", "flask")
    seeded = shutil.copytree(project, tmp_path / project.name, ignore=shutil.ignore_patterns(".venv"))
    (seeded / ".venv").symlink_to(project / ".venv")
    source = seeded / "src/payment_service/telemetry" / file
    text = source.read_text()
    assert right in text
    source.write_text(text.replace(right, wrong))
    run = Run("grpc", next(cell for cell in CELLS if cell.name == "gunicorn-gthread"), fault=fault)
    outcome = measure(seeded, run, PYTHONPATH=str(seeded / "src"))
    assert found in "; ".join(outcome.problems)
