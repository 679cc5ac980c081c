"""Keeps secrets out of whatever this process prints: credentials in URLs, the values of queries and of headers."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

from .throttle import Throttle

# The names of resource attributes, and the shapes of values, that no span should carry.
SECRET = re.compile(
    r"(?i)[^=]*(passw(or)?d|secret|token|credential|authorization|api[-_.]?key|private[-_.]?key|access[-_.]?key)[^=]*=.*"
    r"|[^=]*=\s*((bearer|basic)\s.+|(?-i:AKIA[0-9A-Z]{12,}|gh[pousr]_\w{16,}|xox[abp]-.+|eyJ[\w-]+\.[\w-]+\..*)|-----BEGIN.*)"
    r"|[^=]*=\s*\w+://[^/@\s]*:[^/@\s]*@.*"
)
# Whose lines may hold what a receiver or a library has repeated.
LOGGERS = ("opentelemetry", "grpc", "requests", "urllib3", __package__)
# These repeat what a caller has sent in a header, with a WARNING for each part of it.
PROPAGATORS = (
    "opentelemetry.baggage",
    "opentelemetry.propagators",
    "opentelemetry.trace.propagation",
    "opentelemetry.trace.span",  # parses tracestate
)
PROPAGATORS_SECONDS = 60
MALFORMED = "a caller's trace headers (baggage, tracestate) are malformed, and not used in full"
# A whole query or fragment, and a part of one: a value with or without a name.
QUERY = re.compile(r"(?:\?|(?<!\s)#)\S+|&[^?=&#\s]*=\S+")
PART = re.compile(r"([?&#](?:[^?=&#\s]*+=)?+)([^&#\s]+)")
_known: set[str] = set()


def is_below(logger: str, names: Sequence[str]) -> bool:
    """Tell whether a logger has one of the names or is below it.

    `requests.x` is below `requests`, and `requests_x` is not.
    """
    return any(logger == name or logger.startswith(f"{name}.") for name in names)


def scrub(text: str) -> str:
    """Return a text with REDACTED for what its URLs hide.

    That is each value of a query or fragment, with or without a name, and user:password@.
    """
    queries = QUERY.sub(lambda query: PART.sub(_redacted, query[0]), text)
    return re.sub(r"//[^/?#\s]*@", "//REDACTED@", queries)


def scrub_url(url: str) -> str:
    """Return a URL scrubbed, all of it, even if it was recorded with spaces."""
    return scrub(re.sub(r"\s", "%20", url))


def _redacted(part: re.Match[str]) -> str:
    name, value = part.groups()
    # Without a name or a letter it is punctuation, as in "(what?)".
    is_secret = name.endswith("=") or re.search(r"\w", value)
    return f"{name}REDACTED" if is_secret else part[0]


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
    yield from (hidden for _, hidden in PART.findall(value if "://" in value else ""))
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
    """Masks the lines of OpenTelemetry and of the libraries that it sends with.

    The exporters log headers and answers as they are, and propagators what a caller has sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle(PROPAGATORS_SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, its secrets taken out; those of propagators rarely."""
        if is_below(record.name, PROPAGATORS):
            return self._replaced(record)
        if is_below(record.name, LOGGERS):
            record.msg, record.args = mask(record.getMessage()), None
            if record.exc_info:
                formatted = record.exc_text or logging.Formatter().formatException(record.exc_info)
                record.exc_text = mask(formatted)
                record.exc_info = None
        return True

    def _replaced(self, record: logging.LogRecord) -> bool:
        if record.msg == MALFORMED:  # another handler has let it through
            return True
        if not self._throttle.allows(MALFORMED):
            return False
        record.msg = MALFORMED
        record.args = None
        return True


MASKED = Masked()  # one: a handler takes the same filter once
