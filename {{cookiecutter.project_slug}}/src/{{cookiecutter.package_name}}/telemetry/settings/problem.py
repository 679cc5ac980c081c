"""What is wrong with a variable, as a sentence for the log that repeats no secret."""

import re
from dataclasses import dataclass

from .. import masking

# Why a variable is not used as given, where its value alone does not show it.
REASONS = {
    "misspelt": "is not read by anything. Did you mean {meant}?",
    "batch-and-queue": "is ignored: expected at most {queue}={size}, the size of the queue.",
    "pair": "is ignored: expected {missing} as well, because neither works alone.",
    "no-authority": "is ignored: expected {missing} as well, because gRPC needs the CA file, too.",
    "unused-argument": (
        "is ignored: OTEL_TRACES_SAMPLER={sampler} does not read it."
        " To sample a share of all traces, set OTEL_TRACES_SAMPLER=parentbased_traceidratio."
    ),
    "secret": "contains a secret: expected none, because every span carries the attributes.",
    "underscore": "has an attribute with underscores: expected {attribute}.",
    "unknown-service": (
        "names the service unknown_service, as the SDK does where a name is missing:"
        " expected the name of this service."
    ),
    "shared-instance": "contains {attribute}: expected none, because each process makes its own.",
}
INVALID = "is ignored: expected {expected}."
HIDDEN = " (value not shown)"
# A password may hold any character, so all that is before the last @ goes.
CREDENTIALS = re.compile(r"^(\w+://)?.*@", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """A variable that is not used as given; str() is the sentence for the log."""

    key: str  # its row in the template's docs/troubleshooting.md
    variable: str
    value: str  # as show() returns it
    reason: str  # why, and what was expected: the rest of the sentence, with its full stop
    using: str = ""  # what is used now, if the reason does not say it

    def __str__(self) -> str:
        """Return the sentence."""
        sentence = f"{self.variable}{self.value} {self.reason}"
        return f"{sentence} Using {self.using}." if self.using else sentence


def reason(key: str, **facts: object) -> str:
    """Return why a variable is not used as given."""
    return REASONS.get(key, INVALID).format(**facts)


def show(variable: str, value: str) -> str:
    """Return ='value' without credentials, or HIDDEN if the value may be a secret."""
    if _is_secret(variable, value):
        return HIDDEN
    return f"={_redacted(value)!r}"


def show_rest(variable: str, value: str, rest: str) -> str:
    """Return what is used of a list; it is repeated only if the whole list has nothing to hide.

    The items end at commas. If a password has one, its first part does not look like a password.
    """
    if _is_secret(variable, value) or _redacted(value) != value:
        return "its valid items"
    return repr(rest)


def _is_secret(variable: str, value: str) -> bool:
    if "HEADER" in variable:
        return True
    return any(masking.is_secret(item) for item in value.split(","))


def _redacted(value: str) -> str:
    without_credentials = CREDENTIALS.sub(r"\1REDACTED@", value)
    return masking.mask(without_credentials)
