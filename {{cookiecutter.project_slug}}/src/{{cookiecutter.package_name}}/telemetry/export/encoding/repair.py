"""Repairs what OTLP cannot carry, so that a bad value costs neither its item nor the batch."""

import logging

log = logging.getLogger(__name__)

MAX_NAMES = 1000  # a client may choose the names of attributes; each takes memory and a line
_reported: set[str] = set()


def report(name: str, problem: str) -> None:
    """Log a WARNING, once for each name. It shows no value: that may be personal data."""
    if name in _reported or len(_reported) >= MAX_NAMES:
        return
    _reported.add(name)
    log.warning("%.100r %s", name, problem)


def utf8(text: str | None, name: str) -> bytes:
    """Return a text in UTF-8, which has no lone surrogates: U+FFFD stands for each."""
    if not text:
        return b""
    try:
        return text.encode()
    except UnicodeEncodeError:
        report(name, "has lone surrogates, which are no characters: U+FFFD is sent for each")
    # UTF-16 also joins two surrogates that are a pair to their character.
    pairs = text.encode("utf-16", "surrogatepass")
    return pairs.decode("utf-16", "replace").encode()


def as_text(value: object, name: str) -> bytes:
    """Return the text that is sent for an integer outside 64 bits, or for any other object."""
    kind = type(value).__name__
    report(name, f"has a value of type {kind} that does not fit into OTLP: it is sent as text")
    try:
        text = str(value)
    except Exception:  # noqa: BLE001, an object may raise anything
        text = f"<{kind}>"
    return utf8(text, name)
