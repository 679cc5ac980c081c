"""What is said, and done, about OTEL_* variables, and what is masked: logic that runs without the SDK."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .telemetry import imported


@pytest.fixture(scope="module", params=["grpc", "http"])
def telemetry(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Iterator[Any]:
    """Return the modules of a render, for each protocol."""
    with imported(rendered(otlp_protocol=request.param), "masking", "settings") as telemetry:
        yield telemetry


@pytest.fixture
def settings(telemetry: Any) -> Any:
    """Return the module that judges the variables."""
    return telemetry.settings


@pytest.fixture
def masking(telemetry: Any) -> Any:
    """Return the module that masks secrets."""
    return telemetry.masking


def test_an_empty_environment_gets_the_defaults(settings: Any) -> None:
    """Without a variable the defaults hold, and nothing is wrong with them."""
    settled, problems = settings.judge({})
    assert settled["OTEL_TRACES_EXPORTER"] == "otlp"
    assert settled["OTEL_LOGS_EXPORTER"] == "none"
    assert problems == []


def test_an_empty_value_means_not_set(settings: Any) -> None:
    """The specification's rule for empty variables holds for every one."""
    for variable in settings.DEFAULTS:
        assert settings.judge({variable: " "}) == settings.judge({}), variable


@pytest.mark.parametrize(
    ("variable", "value", "expected", "using"),
    [
        ("OTEL_TRACES_EXPORTER", "jaeger", "console, otlp, both or none", "otlp"),
        ("OTEL_TRACES_EXPORTER", "otlp,otlp", "console, otlp, both or none", "otlp"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "a whole number above 0", "16384"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number above 0", "1000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "a number of seconds up to 600 (not milliseconds)", "10"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%", "a number from 0 to 1", "1"),
        ("OTEL_PROPAGATORS", "b3", "a list of installed propagators", "no value"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1", "a whole number, 0 or more", "no value"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem", "the path of a readable PEM file", "no value"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "{PROTOCOL}, all that is installed", "no value"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b", "a comma list of name=value", "'a=1'"),
        ("OTEL_SDK_DISABLED", "yes", "true or false", "no value"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(
    settings: Any, variable: str, value: str, expected: str, using: str
) -> None:
    """One sentence names the variable, the value, the shape wanted and what is used instead."""
    expected = expected.replace("{PROTOCOL}", settings.protocol.PROTOCOL)
    _, (problem,) = settings.judge({variable: value})
    assert str(problem) == f"{variable}={value!r} is ignored: expected {expected}. Using {using}."
    assert (problem.variable, problem.value, problem.using) == (variable, f"={value!r}", using)


SENTENCES = [
    (
        "misspelt",
        {"OTEL_SERVICE_NAM": "s3cret"},
        "OTEL_SERVICE_NAM (value not shown) is not read by anything. Did you mean OTEL_SERVICE_NAME?",
    ),
    (
        "batch-and-queue",
        {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200"},
        (
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE='200' is ignored: expected at most OTEL_BSP_MAX_QUEUE_SIZE=100,"
            " the size of the queue. Using 25."
        ),
    ),
    (
        "unused-argument",
        {"OTEL_TRACES_SAMPLER_ARG": "0.1"},
        (
            "OTEL_TRACES_SAMPLER_ARG='0.1' is ignored: OTEL_TRACES_SAMPLER=parentbased_always_on does not read it."
            " To sample a share of all traces, set OTEL_TRACES_SAMPLER=parentbased_traceidratio."
            " Using parentbased_always_on without an argument."
        ),
    ),
    (
        "secret",
        {"OTEL_RESOURCE_ATTRIBUTES": "db.password=s3cret,a=1"},
        (
            "OTEL_RESOURCE_ATTRIBUTES (value not shown) contains a secret: expected none,"
            " because every span carries the attributes. Using its valid items."
        ),
    ),
    (
        "underscore",
        {"OTEL_RESOURCE_ATTRIBUTES": "service_name=a"},
        (
            "OTEL_RESOURCE_ATTRIBUTES='service_name=a' has an attribute with underscores: expected service.name."
            " Using 'service.name=a'."
        ),
    ),
    (
        "unknown service attribute",
        {"OTEL_RESOURCE_ATTRIBUTES": "service.name=unknown_service"},
        (
            "OTEL_RESOURCE_ATTRIBUTES='service.name=unknown_service' names the service unknown_service, as the SDK does"
            " where a name is missing: expected the name of this service. Using the attributes in the code."
        ),
    ),
    (
        "unknown-service",
        {"OTEL_SERVICE_NAME": "unknown_service:python"},
        (
            "OTEL_SERVICE_NAME='unknown_service:python' names the service unknown_service, as the SDK does"
            " where a name is missing: expected the name of this service. Using the name in the code."
        ),
    ),
    (
        "shared-instance",
        {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=pod-1,a=1"},
        (
            "OTEL_RESOURCE_ATTRIBUTES='service.instance.id=pod-1,a=1' contains service.instance.id: expected none,"
            " because each process makes its own. Using 'a=1'."
        ),
    ),
]


@pytest.mark.parametrize(("environ", "sentence"), [pytest.param(*row, id=name) for name, *row in SENTENCES])
def test_names_attributes_and_combinations_have_sentences_of_their_own(
    settings: Any, environ: dict[str, str], sentence: str
) -> None:
    """Each names the variable, the value, what was expected and what happens now."""
    assert [str(problem) for problem in settings.judge(environ)[1]] == [sentence]


def test_a_client_certificate_is_refused_in_a_sentence_of_its_own(settings: Any, tmp_path: Path) -> None:
    """Over gRPC a certificate without its key, and a pair without a CA file, is refused; over HTTP both are right."""
    pem = tmp_path / "any.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----")
    prefix = "OTEL_EXPORTER_OTLP_TRACES_"
    alone = {f"{prefix}CLIENT_KEY": str(pem)}
    pair = alone | {f"{prefix}CLIENT_CERTIFICATE": str(pem)}
    found = [[str(problem) for problem in settings.judge(environ)[1]] for environ in (alone, pair)]
    if settings.protocol.PROTOCOL != "grpc":
        assert found == [[], []]
        return
    ending = " Using no client certificate."
    as_well = f"{prefix}CLIENT_CERTIFICATE as well, because neither works alone."
    assert found[0] == [f"{prefix}CLIENT_KEY={str(pem)!r} is ignored: expected {as_well}{ending}"]
    as_well = f"{prefix}CERTIFICATE as well, because gRPC needs the CA file, too."
    names = (f"{prefix}CLIENT_CERTIFICATE", f"{prefix}CLIENT_KEY")
    assert found[1] == [f"{name}={str(pem)!r} is ignored: expected {as_well}{ending}" for name in names]


@pytest.mark.parametrize(
    "value",
    [
        "0=://me:s3cret@host,0",
        "a=http://me:s3cret,x@host,b",
        "a=http://me:x,s3cret@host,b",
        "db=postgresql+psycopg://me:s3cret@host,b",
        "a=http://h/?key=s3cret,b",
        "token=x\ns3cret,b",
        "a=1,service_name=http://me:s3cret,x@host",
    ],
)
def test_no_half_of_a_sentence_repeats_a_secret(settings: Any, value: str) -> None:
    """What is used of a list comes from the environment as well: it is shown only if the list has nothing to hide."""
    _, problems = settings.judge({"OTEL_RESOURCE_ATTRIBUTES": value})
    assert problems
    for problem in problems:
        assert "s3cret" not in str(problem)


def test_a_password_in_any_url_is_a_secret(masking: Any) -> None:
    """An attribute with the URL of a database is refused, whatever its driver, and so is a secret of several lines."""
    for item in ("db=postgresql+psycopg://me:pw@host", "db=postgres://me:pw@host", "token=a\nb", "db=://me:pw@h"):
        assert masking.is_secret(item), item
    assert not masking.is_secret("docs=https://host/a:b@c")


def test_what_every_process_must_have_of_its_own(settings: Any) -> None:
    """A service.instance.id for all workers would mix up their metrics; each process makes one."""
    settled, problems = settings.judge({"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=pod-1,a=1"})
    assert settled["OTEL_RESOURCE_ATTRIBUTES"] == "a=1"
    assert [problem.key for problem in problems] == ["shared-instance"]


def test_an_argument_that_no_sampler_reads_is_told(settings: Any) -> None:
    """The SDK would sample everything, and somebody has asked for a tenth."""
    settled, problems = settings.judge({"OTEL_TRACES_SAMPLER_ARG": "0.1"})
    assert settled["OTEL_TRACES_SAMPLER_ARG"] == "1"
    assert [problem.key for problem in problems] == ["unused-argument"]
    ratio = {"OTEL_TRACES_SAMPLER_ARG": "0.1", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}
    assert settings.judge(ratio)[1] == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OTEL_EXPORTER_OLTP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ("OTEL_SERVICENAME", "OTEL_SERVICE_NAME"),
        ("OTEL_TRACE_EXPORTER", "OTEL_TRACES_EXPORTER"),
        ("OTEL_PROPAGATOR", "OTEL_PROPAGATORS"),
        ("otel_service_name", "OTEL_SERVICE_NAME"),
    ],
)
def test_a_misspelt_name_is_told_with_the_right_one(settings: Any, name: str, meant: str) -> None:
    """Nothing reads it; its value, which may be a secret under the right name, is not shown."""
    settled, problems = settings.judge({name: "s3cret"})
    words = f"is not read by anything. Did you mean {meant}?"
    assert [str(problem) for problem in problems] == [f"{name} (value not shown) {words}"]
    assert name not in settled


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_PYTHON_FLASK_EXCLUDED_URLS",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
        "OTEL_NODE_RESOURCE_DETECTORS",
        "OTEL_JAVAAGENT_ENABLED",
        "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
        "OTEL_SHOP_COLOUR",
    ],
)
def test_a_name_that_others_read_is_left_alone(settings: Any, name: str) -> None:
    """Variables of other languages and libraries, and a team's own, are no mistakes."""
    assert "misspelt" not in [problem.key for problem in settings.judge({name: "/dev/null"})[1]]


def test_a_batch_larger_than_its_queue_is_made_to_fit(settings: Any) -> None:
    """A small queue alone is no mistake; a larger batch beside it is."""
    settled, problems = settings.judge({"OTEL_BSP_MAX_QUEUE_SIZE": "100"})
    assert (settled["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], problems) == ("25", [])
    _, problems = settings.judge({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200"})
    assert [problem.key for problem in problems] == ["batch-and-queue"]


@pytest.mark.parametrize("batch", ["abc", "0"])
@pytest.mark.parametrize("processor", ["BSP", "BLRP"])
def test_two_reasons_are_one_sentence(settings: Any, processor: str, batch: str) -> None:
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
def test_no_value_of_a_query_gets_through(masking: Any, url: str) -> None:
    """Quotes, empty names and second question marks hide nothing; neither do ten thousand of them take long."""
    assert "s3cret" not in masking.scrub(url)
    assert "Brien" not in masking.scrub(url)
    assert len(masking.scrub("?," * 10_000)) == 20_000
    assert masking.scrub("?a" * 10_000) == "?REDACTED"


@pytest.mark.parametrize(
    ("url", "scrubbed"),
    [
        ("?", "?"),
        ("?a", "?REDACTED"),
        ("?a=", "?a="),
        ("?a=1", "?a=REDACTED"),
        ("?a=1&b&c=", "?a=REDACTED&REDACTED&c="),
        ("?=1", "?=REDACTED"),
        ("#", "#"),
        ("#a", "#REDACTED"),
        ("#a=1&b", "#a=REDACTED&REDACTED"),
        ("?a=1#b=2", "?a=REDACTED#b=REDACTED"),
        ("https://me:pw@h/p?a#b, then", "https://REDACTED@h/p?REDACTED#REDACTED then"),
        ("&a=1", "&a=REDACTED"),
    ],
)
def test_a_value_is_redacted_and_its_name_is_not(masking: Any, url: str, scrubbed: str) -> None:
    """Each part of a query or a fragment is a value, and has a name if there is a = in it."""
    assert masking.scrub(url) == scrubbed


def test_prose_stays_readable(masking: Any) -> None:
    """A question mark, a number sign or an ampersand that no URL is around is left alone."""
    for prose in ("issue #5 of R&D: what?", '(really?) "what?", he said', "a & b ? c : d  # why"):
        assert masking.scrub(prose) == prose


def test_secrets_are_never_shown(settings: Any) -> None:
    """Headers and credentials in a URL stay out of the sentence that complains about them."""
    _, problems = settings.judge(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer s3cret",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://me:s3#s3cret?@collector",
            "OTEL_RESOURCE_ATTRIBUTES": "db.password=s3cret,note=Bearer s3cret,a=1",
        }
    )
    assert len(problems) == 3
    assert "s3cret" not in "".join(map(str, problems))


def test_what_was_learnt_is_masked_wherever_it_is_repeated(masking: Any) -> None:
    """A receiver, or a library, may say a header's value in words of its own; percent signs make no difference."""
    given = "authorization=Bearer%20s3cret-token,x-key: k3y-of-mine"
    masking.learn({"OTEL_EXPORTER_OTLP_HEADERS": given, "http_proxy": "http://me:p4ssword@proxy:3128"})
    for text in ("token s3cret-token is unknown", "Bearer s3cret-token", given, "k3y-of-mine", "me:p4ssword@proxy"):
        masked = masking.mask(f"it said: {text}!")
        assert "REDACTED" in masked
        assert not any(secret in masked for secret in ("s3cret", "k3y", "p4ss")), masked
    assert masking.mask("token of mine") == "token of mine"


@pytest.mark.parametrize("logger", ["requests_inbox", "grpc_gateway", "urllib3x", "opentelemetry_rules.app"])
def test_a_logger_of_your_own_is_not_masked(masking: Any, logger: str) -> None:
    """A name that only begins like OpenTelemetry's or a library's is yours: its records keep arguments and exception."""
    error = ValueError("sold out")
    for name, is_masked in ((logger, False), (f"opentelemetry.{logger}", True)):
        record = logging.LogRecord(name, logging.ERROR, "", 0, "order %d", (1,), (ValueError, error, None))
        assert masking.Masked().filter(record)
        assert (record.args is None, record.exc_info is None) == (is_masked, is_masked)


def test_a_service_may_be_called_nearly_unknown(settings: Any) -> None:
    """Only the SDK's own name for a service without one is refused: unknown_service, alone or before a colon."""
    assert settings.judge({"OTEL_SERVICE_NAME": "unknown_services-api"})[1] == []
    assert settings.judge({"OTEL_RESOURCE_ATTRIBUTES": "service.name=unknown_service_2"})[1] == []
    assert len(settings.judge({"OTEL_SERVICE_NAME": "unknown_service:python"})[1]) == 1


def test_a_child_process_finds_nothing_wrong(settings: Any) -> None:
    """What has been put right once is right, and stays as it is, for a process that inherits it."""
    bad = {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_CONFIG_FILE": "x", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    settled, problems = settings.judge(bad)
    assert len(problems) == 1
    wrong = {
        "OTEL_SERVICENAME": "x",
        "OTEL_RESOURCE_ATTRIBUTES": "service_name=a,token=b",
        "OTEL_TRACES_SAMPLER_ARG": "0",
    }
    settled, problems = settings.judge(wrong | bad)
    assert len(problems) == 5
    assert settings.judge(settled) == (settled, [])
