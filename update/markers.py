"""Find conflict markers: those of a merge, and those that somebody committed."""

import re
from collections.abc import Collection
from pathlib import Path

from .repository import content, git, rows

# The attribute conflict-marker-size makes our own markers longer or shorter than seven signs.
OUR_BEGIN = re.compile(rb"<+ yours(:.*)?")
OUR_END = re.compile(rb">+ template \S+( .*)?")
ANY_BEGIN = re.compile(rb"<{7,} .*")
ANY_END = re.compile(rb">{7,} .*")
MIDDLE = re.compile(rb"=+")
# Git looks for files; Python then looks at their lines.
CANDIDATES = "^(<+ yours|>+ template |<<<<<<< |>>>>>>> |<<<<<<<<+ |>>>>>>>>+ )"
DOCUMENTS = (".md", ".rst", ".txt")

Marker = re.Pattern[bytes]


def marked(
    data: bytes,
    begin: Marker = ANY_BEGIN,
    end: Marker = ANY_END,
) -> bool:
    """Tell whether a text holds a whole conflict: begin, middle and end, each alone on its line."""
    seen = ""
    for line in data.splitlines():
        if begin.fullmatch(line) or OUR_BEGIN.fullmatch(line):
            seen = "begin"
        elif seen and MIDDLE.fullmatch(line):
            seen = "middle"
        elif seen == "middle" and (end.fullmatch(line) or OUR_END.fullmatch(line)):
            return True
    return False


def left_over(
    data: bytes,
    labels: Collection[Marker],
) -> bool:
    """Tell whether any line is a marker: somebody may have deleted only a part of a conflict."""
    for line in data.splitlines():
        if any(label.fullmatch(line) for label in labels):
            return True
    return False


def committed(
    repository: Path,
    tree: str,
    brought: Collection[str],
) -> list[str]:
    """Return the files of a tree that hold conflict markers which somebody committed.

    A document may show markers, so only a whole conflict of ours counts there. In other files a
    single marker counts: ours everywhere, anybody's in the files that the template brings.
    """
    output = git(repository, "grep --no-color -z -l -E -e", CANDIDATES, tree, highest=1)
    found = []
    for row in rows(output):
        name = row.partition(":")[2]
        data = content(repository, f"{tree}:{name}")
        if name.endswith(DOCUMENTS):
            bad = marked(data, OUR_BEGIN, OUR_END)
        elif name in brought:
            bad = left_over(data, [OUR_BEGIN, OUR_END, ANY_BEGIN, ANY_END])
        else:
            bad = left_over(data, [OUR_BEGIN, OUR_END])
        if bad:
            found.append(name)
    return found
