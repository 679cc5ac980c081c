"""The page that shows what was measured: docs/delivery.md."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from .cells import CELLS, TERM, Cell
from .outcome import COUNT, FAULTS, PROTOCOLS, Outcome, Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "delivery.md"
ENDINGS = list(dict.fromkeys(ending for cell in CELLS for ending in cell.endings))

TEXT = """# What arrives

Every way to run a generated service, stopped in every way, with a real receiver on the same machine. `python -m tests.matrix`
measured each figure and wrote this page. `tests/matrix/` checks the same as tests. This time:
{machine}.

## Work sent, traces received

{count} requests, tasks or messages over four connections, and then the service is stopped. Batches wait for a minute, so
that only shutdown sends them. Only complete traces are counted: all their spans, each with the right parent, and
nothing else. The two figures are gRPC and HTTP.

{arrived}

- `SIGTERM` and `SIGINT` go to the process that was started, as a supervisor sends them. `Ctrl-C` is SIGINT to all
  processes at once, as a terminal sends it.
- `reload` (SIGHUP) and `scale-down` (TTOU) are sent in the middle of the requests. With `max-requests` Gunicorn replaces a
  worker after 25 requests. With `max-tasks` Celery replaces a child after 10 tasks. SIGTERM follows in each case.
- `return` is a program that ends by itself.
- `twice, or torn` counts spans that arrived twice or in an incomplete trace.

## Seconds from SIGTERM until the last process is gone

The collector is healthy, accepts connections but never answers (a black hole), refuses connections, or answers after 5 s.
When the signal arrives a client has an idle connection open and, except with the healthy collector, an export is
running. Draining takes 4 s at most. A server adds its own time, and Celery's prefork pool one to two seconds. Six
services stop at about the same time here. A run that took 6 s or more was repeated, twice at most, because a busy
machine can only add to a time. Repeated runs: {again}.

{seconds}
"""


def row(*cells: str) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def arrived(cell: Cell, ending: str, outcomes: Mapping[Run, Outcome]) -> str:
    """Return how much arrived of a cell's work, over each protocol."""
    if ending not in cell.endings:
        return ""
    return ", ".join(str(outcomes[Run(protocol, cell, ending)].delivered) for protocol in PROTOCOLS)


def duplicates(cell: Cell, outcomes: Mapping[Run, Outcome]) -> str:
    """Return how much arrived twice, or was no part of a whole trace."""
    mine = [outcome for run, outcome in outcomes.items() if run.cell == cell and not run.fault]
    return str(sum(outcome.duplicates + outcome.others for outcome in mine))


def seconds(cell: Cell, fault: str | None, outcomes: Mapping[Run, Outcome]) -> str:
    """Return how long a cell took to end after SIGTERM, over each protocol."""
    return ", ".join(f"{outcomes[Run(protocol, cell, TERM, fault)].seconds:.1f}" for protocol in PROTOCOLS)


def page(outcomes: Mapping[Run, Outcome]) -> str:
    """Return the page that shows these outcomes: one for each of RUNS and FAULTY_RUNS."""
    first = [row("cell", *ENDINGS, "twice, or torn"), row(*["---"] * (len(ENDINGS) + 2))]
    second = [row("cell", "healthy", *FAULTS), row(*["---"] * (len(FAULTS) + 2))]
    for cell in CELLS:
        name = f"{cell.framework}: {cell.name}"
        first.append(row(name, *(arrived(cell, ending, outcomes) for ending in ENDINGS), duplicates(cell, outcomes)))
        second.append(row(name, *(seconds(cell, fault, outcomes) for fault in (None, *FAULTS))))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    again = sum(outcome.attempts - 1 for outcome in outcomes.values())
    return TEXT.format(machine=machine, count=COUNT, again=again, arrived="\n".join(first), seconds="\n".join(second))
