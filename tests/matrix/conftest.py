"""How the matrix is run: every cell that was selected, several at a time, because they mostly wait."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..conftest import Projects
from ..harness.redis import MAY_SKIP
from .measure import AT_ONCE, measure_all
from .outcome import Outcome, Run


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, projects: Projects) -> Iterator[Callable[[Run], Outcome]]:
    """Return a function from a run to its outcome; the first call begins all runs of this session."""
    tests = [getattr(item, "callspec", None) for item in request.session.items]
    runs = [test.params["run"] for test in tests if test and "run" in test.params]
    if "PYTEST_XDIST_WORKER" in os.environ:  # there each process has all tests before it, and runs a part of them
        runs = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = measure_all([run for run in runs if not (MAY_SKIP and run.cell.needs_redis)], projects, pool)

        def outcome(run: Run) -> Outcome:
            if MAY_SKIP and run.cell.needs_redis:
                pytest.skip("redis-server is not installed")
            if run not in begun:
                begun.update(measure_all([run], projects, pool))
            result: Outcome = begun[run].result()
            return result

        yield outcome
        pool.shutdown(cancel_futures=True)
