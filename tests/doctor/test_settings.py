"""Faults of the settings, each seeded beside a healthy receiver: the doctor's sentence is the one of the start."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.ahead import Ahead, ahead
from ..harness.receiver import Receiver
from ..harness.service import clean_environment
from .run import Report, doctor

pytestmark = pytest.mark.slow

OTLP = "OTEL_EXPORTER_OTLP"
# A name for the case, its protocol, what is set, the keys of the findings, and words that must be said.
BAD = {
    "no scheme": ("http", {f"{OTLP}_ENDPOINT": "{address}"}, ["endpoint", "nothing-listens"], "http://host:port"),
    "misspelt": ("grpc", {"OTEL_EXPORTER_OLTP_TIMEOUT": "9"}, ["misspelt"], f"Did you mean {OTLP}_TIMEOUT?"),
    "milliseconds": ("grpc", {f"{OTLP}_TIMEOUT": "10000"}, ["timeout"], "not milliseconds"),
    "sampler": ("grpc", {"OTEL_TRACES_SAMPLER": "ratio"}, ["sampler"], "a sampler built into the SDK"),
    "sampler's argument": (
        "grpc",
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
        ["sampler-argument"],
        "a number from 0 to 1",
    ),
    "argument without sampler": (
        "grpc",
        {"OTEL_TRACES_SAMPLER_ARG": "0.1"},
        ["unused-argument"],
        "OTEL_TRACES_SAMPLER=parentbased_always_on does not read it",
    ),
    "batch and queue": (
        "grpc",
        {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20"},
        ["batch-and-queue"],
        "at most OTEL_BSP_MAX_QUEUE_SIZE=10",
    ),
    "compression": ("grpc", {f"{OTLP}_COMPRESSION": "zstd"}, ["compression"], "gzip or none"),
    "propagator": ("grpc", {"OTEL_PROPAGATORS": "tracecontext,baggage,xray"}, ["propagators"], "installed propagators"),
    "no CA file": ("grpc", {f"{OTLP}_CERTIFICATE": "/no/such.pem"}, ["file"], "a readable PEM file"),
    "no PEM in the CA file": ("grpc", {f"{OTLP}_CERTIFICATE": "pyproject.toml"}, ["file"], "a readable PEM file"),
    "secret": ("grpc", {"OTEL_RESOURCE_ATTRIBUTES": "db.password=s3cret,a=1"}, ["secret"], "contains a secret"),
    "underscore": ("grpc", {"OTEL_RESOURCE_ATTRIBUTES": "service_name=a"}, ["underscore"], "service.name"),
    "unknown service": ("grpc", {"OTEL_SERVICE_NAME": "unknown_service"}, ["unknown-service"], "name of this service"),
    "shared instance": (
        "grpc",
        {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=1"},
        ["shared-instance"],
        "each process makes its own",
    ),
    "protocol": ("grpc", {f"{OTLP}_PROTOCOL": "http/protobuf"}, ["protocol"], "grpc, all that is installed"),
    "other protocol": (
        "http",
        {f"{OTLP}_TRACES_PROTOCOL": "grpc"},
        ["protocol"],
        "http/protobuf, all that is installed",
    ),
    "configuration file": ("grpc", {"OTEL_CONFIG_FILE": "otel.yaml"}, ["unread"], "nothing in this service reads it"),
    "headers": ("grpc", {f"{OTLP}_HEADERS": "authorization: Bearer s3cret"}, ["headers"], "a comma list of name=value"),
    "key alone": ("grpc", {f"{OTLP}_CLIENT_KEY": "{pem}"}, ["pair"], f"expected {OTLP}_CLIENT_CERTIFICATE as well"),
}
# Legal, and yet by such a choice a healthy service is silent: the start names it in its one line, the doctor warns.
SILENT = {
    "disabled": ({"OTEL_SDK_DISABLED": "true"}, ["disabled"], "OTEL_SDK_DISABLED"),
    "none": ({"OTEL_TRACES_EXPORTER": "none"}, ["no-exporter"], "OTEL_TRACES_EXPORTER is none"),
    "console": ({"OTEL_TRACES_EXPORTER": "console"}, ["no-exporter"], "OTEL_TRACES_EXPORTER is console"),
    "always off": ({"OTEL_TRACES_SAMPLER": "always_off"}, ["samples-nothing"], "OTEL_TRACES_SAMPLER is always_off"),
    "ratio of nothing": (
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
        ["samples-nothing"],
        "OTEL_TRACES_SAMPLER_ARG 0",
    ),
    "no baggage": ({"OTEL_PROPAGATORS": "tracecontext"}, ["propagators-without"], "without baggage"),
    "no trace context": ({"OTEL_PROPAGATORS": "baggage"}, ["propagators-without"], "without tracecontext"),
    "no propagator": ({"OTEL_PROPAGATORS": "none"}, ["propagators-without"], "without tracecontext and baggage"),
}
# Legal and no fault: said, with exit status 0.
NOTED = {
    "bare host": ("grpc", {f"{OTLP}_ENDPOINT": "{tls}", f"{OTLP}_CERTIFICATE": "{pem}"}, "bare-endpoint", "means TLS"),
    "no metrics": ("grpc", {"OTEL_METRICS_EXPORTER": "none"}, "signal-off", "OTEL_METRICS_EXPORTER is none"),
    "a name of one's own": ("grpc", {"OTEL_SHOP_COLOUR": "red"}, "unread-variable", "OTEL_SHOP_COLOUR"),
}


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest, projects: Projects, authority: object) -> Iterator[Ahead[Report]]:
    """Return the function from the name of a case to the report."""
    project = {protocol: projects(protocol) for protocol in ("grpc", "http")}
    with Receiver("grpc") as over_grpc, Receiver("http") as over_http, Receiver("grpc", tls=authority) as secure:  # type: ignore[arg-type]
        receivers = {"grpc": over_grpc, "http": over_http}

        def run(name: str) -> Report:
            protocol, variables = chosen(name)
            known = {
                "address": receivers[protocol].endpoint.partition("//")[2],
                "tls": secure.endpoint.partition("//")[2],
                "pem": str(getattr(authority, "ca", "")),
            }
            given = {variable: value.format_map(known) for variable, value in variables.items()}
            return doctor(project[protocol], **{f"{OTLP}_ENDPOINT": receivers[protocol].endpoint} | given)

        with ahead(request, ("name",), run) as runs:
            yield runs


def chosen(name: str) -> tuple[str, dict[str, str]]:
    """Return the protocol and the variables of a case."""
    if name in SILENT:
        return "grpc", SILENT[name][0]
    return (BAD | NOTED)[name][:2]


def start(project: Path, variables: dict[str, str]) -> list[str]:
    """Return what configure() logs as ERROR."""
    code = (
        "import logging; logging.raiseExceptions = False; from payment_service import telemetry; telemetry.configure()"
    )
    done = subprocess.run(
        [project / ".venv/bin/python", "-c", code],
        cwd=project,
        env=clean_environment() | {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line.partition(" ERROR ")[2].partition(": ")[2] for line in done.stdout.splitlines() if " ERROR " in line]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_is_a_finding_and_an_error(
    name: str, reports: Ahead[Report], projects: Projects, authority: object
) -> None:
    """The doctor finds it, and the start logs one ERROR with the same sentence; no secret is in either."""
    protocol, variables, keys, words = BAD[name]
    report = reports(name)
    # What cannot be used is replaced by the default, where nobody listens.
    assert (report.status, [*report.findings]) == (1, keys), report
    assert words in report.findings[keys[0]]
    assert [variable for variable in variables if variable in report.findings[keys[0]]]
    given = {
        variable: value.format_map({"address": "h:1", "pem": getattr(authority, "ca", "")})
        for variable, value in variables.items()
    }
    sentence = report.findings[keys[0]]
    if "{address}" not in "".join(variables.values()):
        assert start(projects(protocol), given) == [sentence]
    assert "s3cret" not in report.out + report.err


def test_what_was_logged_is_still_a_finding(projects: Projects) -> None:
    """report() logs a bad setting once, however often it is called, and the doctor finds it afterwards."""
    code = (
        "from payment_service import telemetry; telemetry.report(); telemetry.report();"
        " from payment_service.telemetry.doctor import choices; print([check.key for check in choices.checks()])"
    )
    project = projects("grpc")
    done = subprocess.run(
        [project / ".venv/bin/python", "-c", code],
        cwd=project,
        env=clean_environment() | {"OTEL_BSP_MAX_QUEUE_SIZE": "lots"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.count(" ERROR ") == 1, done.stdout
    assert done.stdout.splitlines()[-1] == "['batch']"


@pytest.mark.parametrize("name", SILENT)
def test_a_choice_that_silences_is_a_finding(name: str, reports: Ahead[Report]) -> None:
    """What is legal is no ERROR at the start; the doctor says what comes of it, and where to change it."""
    _, keys, words = SILENT[name]
    report = reports(name)
    assert (report.status, [*report.findings]) == (1, keys), report
    assert words in report.findings[keys[0]]


@pytest.mark.parametrize("name", NOTED)
def test_what_is_good_to_know_is_no_finding(name: str, reports: Ahead[Report]) -> None:
    """A note leaves the exit status at 0."""
    _, _, key, words = NOTED[name]
    report = reports(name)
    assert (report.status, [*report.findings], [*report.notes]) == (0, [], [key]), report
    assert words in report.notes[key]
