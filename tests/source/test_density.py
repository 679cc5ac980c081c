"""telemetry/ and the update program are read by many who did not write them: their lines stay light."""

import json
import subprocess
import sys

import pytest

from . import density, template

# Projects that people like to read have about 6 tokens a line, and 15 at the 95th percentile.
MEAN = 7.0
HIGH = 17
COMPLEXITY = 8


@pytest.mark.parametrize("part", ["telemetry", "update"])
def test_lines_are_light(part: str) -> None:
    """A line of code has few tokens, in the mean and at the 95th percentile; a limit of lines would make them heavy."""
    paths = [path for path in density.sources() if part in path.parts]
    counts = sorted(count for path in paths for count in density.tokens(path.read_text()))
    assert len(counts) > 1000
    mean, high = density.figures(counts)
    assert mean <= MEAN
    assert high <= HIGH


def test_lines_are_short() -> None:
    """No line is longer than 100 columns."""
    found = {template_name(path): density.wide(path.read_text()) for path in density.sources()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_nothing_has_to_be_read_twice() -> None:
    """No loop over a conditional expression, no text times a truth value, no two assignments in one."""
    found = {template_name(path): [*density.tricks(path.read_text())] for path in density.sources()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "for a in b if c else (): d()",
        "e = [a for a in (b if c else [])]",
        "' and ' * (a > b)",
        "'x' * bool(a)",
        "f'{a}' * (not b)",
        "a, b = c, d",
    ],
)
def test_each_trick_is_found(source: str) -> None:
    """The test above sees each of them."""
    assert len([*density.tricks(source)]) == 1


def test_what_is_plain_is_no_trick() -> None:
    """A text times a number, two names for one value and a loop over a tuple are plain."""
    assert [*density.tricks("'-' * 8\na, b = pair()\nfor c in (1, 2): d(c)")] == []


def test_functions_are_simple() -> None:
    """No function has a cyclomatic complexity over 8, by ruff's C901."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select=C901",
        "--output-format=json",
    ]
    option = f"lint.mccabe.max-complexity={COMPLEXITY}"
    files = [str(path) for path in density.sources()]
    done = subprocess.run([*command, "--config", option, *files], capture_output=True, text=True, check=False)
    assert [(found["filename"], found["message"]) for found in json.loads(done.stdout)] == []


def template_name(path: object) -> str:
    """Return the path of a file in the template."""
    return str(path).removeprefix(f"{template.ROOT}/")
