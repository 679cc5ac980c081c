"""What is said, and done, about OTEL_* variables."""

import importlib

import pytest

from .fixtures import PACKAGE

settings = importlib.import_module(f"{PACKAGE}.telemetry.settings")
PROTOCOL = importlib.import_module(f"{PACKAGE}.telemetry.protocol").PROTOCOL


def test_an_empty_environment_gets_the_defaults() -> None:
    """Without a variable the defaults hold, and nothing is wrong with them."""
    settled, problems = settings.judge({})
    assert settled["OTEL_TRACES_EXPORTER"] == "otlp"
    assert settled["OTEL_LOGS_EXPORTER"] == "none"
    assert problems == []


@pytest.mark.parametrize("variable", settings.DEFAULTS)
def test_an_empty_value_means_not_set(variable: str) -> None:
    """The specification's rule for empty variables holds for every one."""
    assert settings.judge({variable: " "}) == settings.judge({})


@pytest.mark.parametrize(
    ("variable", "value", "expected", "instead"),
    [
        ("OTEL_TRACES_EXPORTER", "jaeger", "console, otlp, both or none", "using otlp"),
        ("OTEL_TRACES_EXPORTER", "otlp,otlp", "console, otlp, both or none", "using otlp"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "a whole number above 0", "using 16384"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number above 0", "using 1000"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%", "a number from 0 to 1", "using 1"),
        ("OTEL_PROPAGATORS", "b3", "a list of installed propagators", "using no value"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1", "a whole number, 0 or more", "using no value"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem", "the path of a readable file", "using no value"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", f"{PROTOCOL}, all that is installed", "using no value"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b", "a comma list of name=value", "using a=1"),
        ("OTEL_SDK_DISABLED", "yes", "true or false", "using no value"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(variable: str, value: str, expected: str, instead: str) -> None:
    """One sentence names the variable, the value, the shape wanted and what is used instead."""
    _, problems = settings.judge({variable: value})
    assert problems == [f"{variable} must be {expected}, got {value!r}; {instead}"]


def test_a_batch_larger_than_its_queue_is_made_to_fit() -> None:
    """A small queue alone is no mistake; a larger batch beside it is."""
    settled, problems = settings.judge({"OTEL_BSP_MAX_QUEUE_SIZE": "100"})
    assert (settled["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], problems) == ("25", [])
    _, problems = settings.judge({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200"})
    assert problems == ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE must be at most OTEL_BSP_MAX_QUEUE_SIZE, got '200'; using 25"]


@pytest.mark.parametrize("batch", ["abc", "0"])
@pytest.mark.parametrize("processor", ["BSP", "BLRP"])
def test_two_reasons_are_one_sentence(processor: str, batch: str) -> None:
    """A value that is wrong in itself, and too large in what replaces it, is complained of once."""
    given = {f"OTEL_{processor}_MAX_QUEUE_SIZE": "100", f"OTEL_{processor}_MAX_EXPORT_BATCH_SIZE": batch}
    settled, problems = settings.judge(given)
    assert settled[f"OTEL_{processor}_MAX_EXPORT_BATCH_SIZE"] == "25"
    assert len(problems) == 1
    assert len(settings.judge({"OTEL_EXPORTER_JAEGER_GRPC_INSECURE": "1"})[1]) == 1


@pytest.mark.parametrize(
    "url",
    ["http://h/x?token='s3cret'", "http://h/?n=O'Brien&a=s3cret", "see http://u:s3cret@h/?=s3cret", "?a?b=s3cret"],
)
def test_no_value_of_a_query_gets_through(url: str) -> None:
    """Quotes, empty names and second question marks hide nothing; neither do ten thousand of them take long."""
    assert "s3cret" not in settings.scrub(url)
    assert "Brien" not in settings.scrub(url)
    assert len(settings.scrub("?," * 10_000)) == 20_000


def test_secrets_are_never_shown() -> None:
    """Headers and credentials in a URL stay out of the sentence that complains about them."""
    _, problems = settings.judge(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer s3cret",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://me:s3#s3cret?@collector",
        }
    )
    assert len(problems) == 2
    assert "s3cret" not in "".join(problems)


def test_a_child_process_finds_nothing_wrong() -> None:
    """What has been put right once is right, and stays as it is, for a process that inherits it."""
    bad = {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_CONFIG_FILE": "x", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    settled, problems = settings.judge(bad)
    assert len(problems) == 1
    assert settings.judge(settled) == (settled, [])
