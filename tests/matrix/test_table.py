"""docs/delivery.md shows the cells that there are; `python -m tests.matrix` writes it only with good figures."""

import re

from .outcome import FAULTY_RUNS, RUNS, Outcome
from .table import PAGE, page


def without_figures(text: str) -> str:
    """Return the text with a # for each number, and a machine's name for any."""
    return re.sub(r"\d+(\.\d+)*", "#", re.sub(r"This time:\s.*", "", text))


def test_the_page_is_what_the_command_writes() -> None:
    """But for the figures the page is the one that `python -m tests.matrix` would write for the cells of today."""
    nothing = {run: Outcome(run, [], [], 0.0, "") for run in (*RUNS, *FAULTY_RUNS)}
    assert without_figures(PAGE.read_text()) == without_figures(page(nothing))
