"""`python -m tests.files.size [NAME=VALUE ...]`: how many lines a service has, and in which part of it.

Without answers it counts the default service.
"""

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ..harness.service import render

# The first pattern that a path matches names its part.
PARTS = {
    "telemetry/, doctor": r"src/\w+/telemetry/doctor",
    "telemetry/, the rest": r"src/\w+/telemetry/",
    "update program (.template/)": r"\.template/",
    "tests/telemetry/": r"tests/telemetry/",
    "deploy/, the cluster's": r"deploy/(pipeline/|collector/(gateway|alerts)\.yaml)",
    "deploy/, the service's own": r"deploy/",
    "own src/": r"src/",
    "own tests/": r"tests/",
    "root, .github/": r"",
}


def part(name: str) -> str:
    """Return the part that a file belongs to."""
    return next(label for label, pattern in PARTS.items() if re.match(pattern, name))


def count(service: Path) -> tuple[Counter[str], Counter[str]]:
    """Return the number of files and of lines in each part of a rendered service."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in sorted(service.rglob("*")):
        if path.is_file():
            label = part(str(path.relative_to(service)))
            files[label] += 1
            lines[label] += len(path.read_text().splitlines())
    return files, lines


def table(service: Path) -> str:
    """Return the counts as a Markdown table."""
    files, lines = count(service)
    total = lines.total()
    rows = ["| part | files | lines | share |", "|---|---|---|---|"]
    for label in PARTS:
        rows.append(f"| {label} | {files[label]} | {lines[label]:,} | {100 * lines[label] / total:.0f} % |")
    rows.append(f"| all | {files.total()} | {total:,} | 100 % |")
    return "\n".join(rows)


if __name__ == "__main__":
    answers = dict(argument.split("=", 1) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="size-") as folder:
        print(table(render(Path(folder), **answers)))
