"""How the matrix is run: every cell that was selected, several at a time, because they mostly wait."""

from collections.abc import Callable, Iterator

import pytest

from ..conftest import Projects
from ..harness.ahead import selected
from ..harness.redis import MAY_SKIP
from .measure import measuring
from .outcome import Outcome, Run


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, projects: Projects) -> Iterator[Callable[[Run], Outcome]]:
    """Return a function from a run to its outcome; the selected runs of the module are started before."""
    runs = [run for (run,) in selected(request, "run") if not (MAY_SKIP and run.cell.needs_redis)]
    with measuring(runs, projects) as outcomes:

        def outcome(run: Run) -> Outcome:
            if MAY_SKIP and run.cell.needs_redis:
                pytest.skip("redis-server is not installed")
            return outcomes(run)

        yield outcome
