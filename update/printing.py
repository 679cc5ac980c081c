"""Print texts that come from a service: without control characters and credentials."""

import re
from collections.abc import Iterable

UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]",
)
# What stands before the host of an address. The user git of an SSH address is no secret.
CREDENTIALS = re.compile(r"(?<=://)(?!git@)[^/\s]+@")
LONGEST = 200


def masked(text: str) -> str:
    """Return a text whose addresses show no user, password or token."""
    return CREDENTIALS.sub("***@", text)


def one_line(text: str) -> str:
    """Return a text without control characters and line ends."""
    return UNPRINTABLE.sub("?", text)


def printable(text: str) -> str:
    """Return a text of several lines without other control characters."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def shown(value: object) -> str:
    """Return a value as an error shows it: on one line, and cut if it is long."""
    text = masked(repr(value))
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}..."


def listed(words: Iterable[str]) -> str:
    """Return words as a sentence lists them: a, b and c."""
    *head, last = words
    if not head:
        return last
    return f"{', '.join(head)} and {last}"
