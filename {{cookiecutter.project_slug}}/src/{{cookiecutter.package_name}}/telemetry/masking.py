"""Keeps secrets out of whatever this process prints: credentials in URLs, the values of queries and of headers."""

import logging
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

# The names of resource attributes, and the shapes of values, that no span should carry.
SECRET = re.compile(
    r"(?i)[^=]*(passw(or)?d|secret|token|credential|authorization|api[-_.]?key|private[-_.]?key|access[-_.]?key)[^=]*=.*"
    r"|[^=]*=\s*((bearer|basic)\s.+|(?-i:AKIA[0-9A-Z]{12,}|gh[pousr]_\w{16,}|xox[abp]-.+|eyJ[\w-]+\.[\w-]+\..*)|-----BEGIN.*)"
    r"|[^=]*=\s*\w+://[^/@\s]*:[^/@\s]*@.*"
)
# Whose lines may hold what a receiver or a library has repeated.
LOGGERS = ("opentelemetry", "grpc", "requests", "urllib3", __package__)
_known: set[str] = set()


def scrub(text: str) -> str:
    """Return a text with REDACTED for what its URLs hide: every value of a query, and user:password@."""
    return re.sub(r"//[^/?#\s]*@", "//REDACTED@", re.sub(r"([?&][^?=&#\s]*=)[^&#\s]+", r"\1REDACTED", text))


def learn(environ: Mapping[str, str]) -> None:
    """Remember the secrets of an environment, as they were given: malformed ones too."""
    for name, value in environ.items():
        if re.match("(?i)otel|.*_proxy$", name):
            for secret in _secrets(name.upper(), value):
                _known.update(form for form in (secret, unquote(secret), quote(secret, "")) if len(form) > 2)


def _secrets(name: str, value: str) -> Iterator[str]:
    if "HEADER" in name:  # whole, each value, and each word of it: whoever repeats it may leave out the scheme
        yield value.strip()
        for item in value.split(","):
            held = re.split("[=:]", item, maxsplit=1)[-1].strip()
            yield held
            yield from (word for word in re.split(r"[\s;\"']+|%20", held) if word.lower() not in ("bearer", "basic"))
    for credentials in re.findall(r"(?:://|^)([^/\s]+)@", value):
        yield credentials
        yield credentials.partition(":")[2]
    yield from re.findall(r"[?&][^?=&#\s]*=([^&#\s]+)", value if "://" in value else "")
    for item in value.split(",") if "RESOURCE" in name else ():
        if SECRET.fullmatch(item.strip()):
            yield item.partition("=")[2].strip()


def mask(text: str) -> str:
    """Return a text with REDACTED for every secret that learn() has met, and for what URLs hide."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:  # a short one may be part of an innocent word
            whole = re.escape(secret) if len(secret) > 7 else rf"(?<!\w){re.escape(secret)}(?!\w)"
            text = re.sub(whole, "REDACTED", text)
    return scrub(text)


class Masked(logging.Filter):
    """Masks the lines of OpenTelemetry and of what it sends with; the exporters log headers and answers as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, its secrets taken out."""
        if record.name.startswith(LOGGERS):
            record.msg, record.args = mask(record.getMessage()), None
            if record.exc_info:
                record.exc_text = mask(record.exc_text or logging.Formatter().formatException(record.exc_info))
                record.exc_info = None
        return True


MASKED = Masked()  # one: a handler takes the same filter once
