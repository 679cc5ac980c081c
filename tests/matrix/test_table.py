"""docs/delivery.md shows the cells that there are, and nothing in it is worse than it should be."""

import re

from .outcome import COUNT, FAULTY_RUNS, LIMIT_SECONDS, RUNS, Outcome
from .table import PAGE, page


def without_figures(text: str) -> str:
    """Return the text with a # for each number, and a machine's name for any."""
    return re.sub(r"\d+(\.\d+)*", "#", re.sub(r"This time:\s.*", "", text))


def test_the_page_is_what_the_command_writes() -> None:
    """But for the figures the page is the one that `python -m tests.matrix` would write for the cells of today."""
    nothing = {run: Outcome(run, [], [], 0.0, "") for run in (*RUNS, *FAULTY_RUNS)}
    assert without_figures(PAGE.read_text()) == without_figures(page(nothing))


def test_the_figures_are_good() -> None:
    """All that was sent arrived, once, and no end took 6 s."""
    arrived, seconds = PAGE.read_text().split("## Seconds")
    pairs = re.findall(r"\b(\d+), (\d+)\b", arrived)
    assert {*pairs} == {(str(COUNT), str(COUNT))}
    assert len(pairs) == len(RUNS) / 2
    assert {*re.findall(r"(\d+) \|$", arrived, re.MULTILINE)} == {"0"}
    taken = [float(figure) for figure in re.findall(r"\b\d+\.\d\b", seconds)]
    assert len(taken) == len(FAULTY_RUNS) / 3 * 4
    assert max(taken) < LIMIT_SECONDS
