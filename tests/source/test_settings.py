"""What the settings make of a variable, seen on the judge alone."""

import pytest

from .settings import settings

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


@pytest.mark.parametrize(
    ("given", "settled", "problems"),
    [
        ("", "http,database", 0),
        ("http", "http", 0),
        ("http/dup", "http/dup", 0),
        ("database", "http,database", 0),
        ("database/dup", "http,database/dup", 0),
        ("database, gen_ai_latest_experimental", "http,database, gen_ai_latest_experimental", 0),
        ("http,databse", "http", 1),
        ("yes", "http,database", 1),
    ],
)
def test_the_conventions_for_requests_are_the_stable_ones(given: str, settled: str, problems: int) -> None:
    """A list without http gets it and is no mistake; a misspelt item is told, and the others hold."""
    found, told = settings("grpc").judge({OPT_IN: given})
    assert (found[OPT_IN], len(told)) == (settled, problems)
