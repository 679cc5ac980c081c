"""N units of work are N traces, whatever served them and whatever ended it; and the end comes soon."""

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
    """From SIGTERM until the last process is gone it takes less than 6 s, also while an export is stuck.

    A run that took longer is measured again, twice at most: a busy machine adds time, and never takes any away.
    """
    outcome = outcomes(run)
    assert outcome.problems == [], outcome.output


# Each is the sitecustomize of a service with that fault. They change names of the SDK, of Python, and of the service's
# public surface, so that they hold wherever the code that is under test stands.
NOT_DRAINED = """
from opentelemetry.sdk.trace import TracerProvider
TracerProvider.shutdown = lambda self: None
"""
ONE_ID = """
import uuid
uuid.uuid4 = lambda: uuid.UUID(int=1)
"""
TOO_LATE = """
import sys
import wrapt

def change(telemetry):
    for name, module in list(sys.modules.items()):
        if name.startswith(telemetry.__name__) and hasattr(module, "DEADLINE_SECONDS"):
            module.DEADLINE_SECONDS = 9.0

wrapt.register_post_import_hook(change, "payment_service.telemetry")
"""


@slow
@pytest.mark.parametrize(
    ("seed", "fault", "found"),
    [
        pytest.param(NOT_DRAINED, None, "0 delivered, 0 duplicates, 0 others", id="not drained"),
        pytest.param(ONE_ID, None, "not an id for each process", id="one id"),
        pytest.param(TOO_LATE, "black hole", "s to the end", id="too late"),
    ],
)
def test_faults_are_found(seed: str, fault: str | None, found: str, projects: Projects, tmp_path: Path) -> None:
    """A service that does not drain, or for too long, or whose processes share an id, is one with a problem."""
    (tmp_path / "sitecustomize.py").write_text(seed)
    run = Run("grpc", next(cell for cell in CELLS if cell.name == "gunicorn-gthread"), fault=fault)
    outcome = measure(projects("grpc", "flask"), run, PYTHONPATH=str(tmp_path))
    assert found in "; ".join(outcome.problems), outcome.output
