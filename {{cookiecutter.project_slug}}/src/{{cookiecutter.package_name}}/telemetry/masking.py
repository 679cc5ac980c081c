"""Keeps secrets out of what this process prints and sends.

They are credentials in URLs, the values of queries and of headers, and passwords in attributes.
scrub() is for texts with URLs. mask() is for log lines: it scrubs, and also replaces the secrets
that learn() has found in the settings. scrubbing.py scrubs spans.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

from .throttle import Throttle

# An item name=value that no span should carry.
SECRET = re.compile(
    r"""
    # a name that says so
    [^=]* (
        passw(or)?d | secret | token | credential | authorization
        | (api | private | access) [-_.]? key
    ) [^=]* = .*
    # the value of an Authorization header
    | [^=]* = \s* (bearer | basic) \s .+
    # a key of AWS, a token of GitHub or Slack, a JSON Web Token
    | [^=]* = \s* (?-i: AKIA [0-9A-Z]{12,} | gh[pousr]_ \w{16,} | xox[abp]- .+ )
    | [^=]* = \s* (?-i: eyJ [\w-]+ \. [\w-]+ \. .* )
    # a PEM file
    | [^=]* = \s* -----BEGIN .*
    # a URL with a password, such as postgresql+psycopg://user:password@host
    | [^=]* = \s* [\w+.-]* :// [^/@\s]* : [^/@\s]* @ .*
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# Their lines may repeat secrets: what a receiver has answered, or a library has sent.
LOGGERS = (
    "opentelemetry",
    "grpc",
    "requests",
    "urllib3",
    __package__,
)
# Their messages may have the URL of a request or of a websocket.
HTTP_LOGGERS = (
    "uvicorn",
    "httpx",
    "httpx2",
)
# start_line.py masks each value itself, before it quotes it. To mask the whole line would take
# closing quotes away with a query.
START_LINE = f"{__package__}.start_line"
# These repeat what a caller has sent in a header, with a WARNING for each part of it.
PROPAGATORS = (
    "opentelemetry.baggage",
    "opentelemetry.propagators",
    "opentelemetry.trace.propagation",
    "opentelemetry.trace.span",  # parses tracestate
)
PROPAGATORS_SECONDS = 60
MALFORMED = "a caller's trace headers (baggage, tracestate) are malformed, and not used in full"
# A whole query or fragment: "?a=1&b", "#top", or "&a=1" without its beginning.
QUERY = re.compile(r"(?:\?|(?<!\s)#)\S+|&[^?=&#\s]*=\S+")
# A part of one, as its name and its value: "?a=" and "1", or "&" and "b".
PART = re.compile(r"([?&#](?:[^?=&#\s]*+=)?+)([^&#\s]+)")
HEADER_NAME = re.compile("^[^=:]*[=:]")
# They stand before the secret of an Authorization header.
SCHEMES = ("bearer", "basic")
SHORTEST = 3  # characters; to redact less would make a text unreadable
SHORT = 8  # characters; a shorter secret may be a part of a word
_known: set[str] = set()


def is_below(logger: str, names: Sequence[str]) -> bool:
    """Return whether a logger has one of the names or is below it.

    `requests.x` is below `requests`, and `requests_x` is not.
    """
    below = tuple(f"{name}." for name in names)
    return logger in names or logger.startswith(below)


def scrub(text: str) -> str:
    """Return a text with REDACTED for what its URLs hide.

    That is each value of a query or fragment, with or without a name, and user:password@.
    """
    text = QUERY.sub(_scrubbed_query, text)
    return re.sub(r"//[^/?#\s]*@", "//REDACTED@", text)


def scrub_url(url: str) -> str:
    """Return a URL scrubbed, all of it, even if it was recorded with spaces."""
    without_spaces = re.sub(r"\s", "%20", url)
    return scrub(without_spaces)


def _scrubbed_query(query: re.Match[str]) -> str:
    return PART.sub(_scrubbed_part, query[0])


def _scrubbed_part(part: re.Match[str]) -> str:
    name, value = part.groups()
    has_name = name.endswith("=")
    has_letter = re.search(r"\w", value)
    if not has_name and not has_letter:
        return part[0]  # punctuation, as in "(what?)"
    return f"{name}REDACTED"


def is_secret(item: str) -> bool:
    """Return whether an item name=value holds a secret."""
    stripped = item.strip()
    return SECRET.fullmatch(stripped) is not None


def learn(environ: Mapping[str, str]) -> None:
    """Remember the secrets of an environment, so that mask() finds them."""
    for name, value in environ.items():
        if not re.match("(?i)otel|.*_proxy$", name):
            continue
        for secret in _secrets(name.upper(), value):
            # Libraries repeat it as it was given, or decoded or encoded by percent signs.
            _known.add(secret)
            _known.add(unquote(secret))
            _known.add(quote(secret, safe=""))


def _secrets(name: str, value: str) -> Iterator[str]:
    """Yield the secrets in a variable, even if the value is malformed."""
    if "HEADER" in name:
        yield from _header_secrets(value)
    for credentials in re.findall(r"(?:://|^)([^/\s]+)@", value):
        yield credentials
        _, _, password = credentials.partition(":")
        yield password
    if "://" in value:
        for _, hidden in PART.findall(value):
            yield hidden
    if "RESOURCE" not in name:
        return
    for item in value.split(","):
        if is_secret(item):
            _, _, secret = item.partition("=")
            yield secret.strip()


def _header_secrets(value: str) -> Iterator[str]:
    """Yield the whole text, each header's value, and each word of it.

    What repeats a header may leave out the scheme, as in "Bearer TOKEN".
    """
    yield value.strip()
    for item in value.split(","):
        header = HEADER_NAME.sub("", item)
        yield header.strip()
        words = re.split(r"[\s;\"']+|%20", header)
        for word in words:
            if word.lower() not in SCHEMES:
                yield word


def mask(text: str) -> str:
    """Return a scrubbed text, with REDACTED for every secret that learn() has met, too."""
    longest_first = sorted(_known, key=len, reverse=True)
    for secret in longest_first:
        if len(secret) < SHORTEST or secret not in text:
            continue
        pattern = re.escape(secret)
        if len(secret) < SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, "REDACTED", text)
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
        if record.name == START_LINE:
            return True
        if is_below(record.name, LOGGERS):
            _mask_record(record)
        elif is_below(record.name, HTTP_LOGGERS):
            _mask_message(record)
        return True

    def _replaced(self, record: logging.LogRecord) -> bool:
        if record.msg == MALFORMED:  # the filter of another handler has replaced it
            return True
        if not self._throttle.allows(MALFORMED):
            return False
        record.msg = MALFORMED
        record.args = None
        return True


def _mask_message(record: logging.LogRecord) -> None:
    message = record.getMessage()
    record.msg = mask(message)
    record.args = None


def _mask_record(record: logging.LogRecord) -> None:
    _mask_message(record)
    if record.exc_info:
        formatter = logging.Formatter()
        text = record.exc_text or formatter.formatException(record.exc_info)
        record.exc_text = mask(text)
        record.exc_info = None


MASKED = Masked()  # one: a handler takes the same filter once
