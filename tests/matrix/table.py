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

Every way to run a generated service, ended in every way, at a real receiver on the same machine. Each figure was
measured by `python -m tests.matrix`, which wrote this page; `tests/matrix/` holds them as tests. This time:
{machine}.

## Work sent, traces received

{count} requests, tasks or messages over four connections, and then the end. Batches wait for a minute, so that what
arrived is the ending's merit. Counted is a trace only if it is whole: its spans, each the child of the right one, and
nothing else; two figures are gRPC and HTTP.

{arrived}

- `SIGTERM` and `SIGINT` go to the process that was started, as a supervisor sends them; `Ctrl-C` is SIGINT to all at
  once, as a terminal sends it.
- `reload` (SIGHUP) and `scale-down` (TTOU) come in the middle of the requests; `max-requests` has Gunicorn replace a
  worker after 25 of them, `max-tasks` has Celery replace a child after 10 tasks. Then comes SIGTERM.
- `return` is a program that comes to its end by itself.

## Seconds from SIGTERM until the last process is gone

With a collector that is healthy, that accepts connections and never answers (a black hole), that refuses them, and
that answers after 5 s. An export is under way when the signal comes, but for the healthy one, and a client's idle
connection open. Draining takes 4 s at most; a server adds its own, and Celery's prefork pool one to two seconds. Six
services end at about the same time here, and where one took 6 s or more it was tried again, twice at most: a busy
machine adds to a time, and never takes from it. Tried again: {again}.

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
