"""The line at the start, without the SDK: what stands in it, and that a log reader can take it apart."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from .telemetry import NAME, imported

RESOURCE = {
    "service.name": "payment-service",
    "service.version": "0.1.0",
    "service.namespace": "platform",
    "deployment.environment.name": "development",
}
PAIR = re.compile(r'(?P<key>\w+)=(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]+)(?: |$)')

Fields = Callable[..., dict[str, str]]


@pytest.fixture(scope="module", params=["grpc", "http"])
def telemetry(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Iterator[Any]:
    """Return the modules of a render, for each protocol; its providers are those that the tests put into `foreign`."""
    foreign: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, f"{NAME}.providers", SimpleNamespace(installed=lambda: foreign))
        with imported(rendered(otlp_protocol=request.param), "masking", "settings", "start_line") as telemetry:
            telemetry.foreign = foreign
            yield telemetry


@pytest.fixture
def fields(telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> Fields:
    """Return the function from a resource and variables to the fields of the line, as a log reader finds them."""

    def run(resource: dict[str, str], **variables: str) -> dict[str, str]:
        settled, problems = telemetry.settings.judge(variables)
        assert problems == []
        for name, value in settled.items():
            monkeypatch.setenv(name, value)
        title, _, rest = telemetry.start_line.line(resource).partition(" ")
        assert title == "telemetry:"
        assert PAIR.sub("", rest) == ""
        pairs = {found["key"]: found["value"] for found in PAIR.finditer(rest)}
        return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs.items()}

    return run


def test_the_default_line(telemetry: Any, fields: Fields) -> None:
    """Without a variable it names the service, the endpoint of traces and metrics, and the sampler."""
    fields(RESOURCE)
    to = f"{telemetry.settings.protocol.DEFAULT_ENDPOINT}({telemetry.settings.protocol.PROTOCOL})"
    assert telemetry.start_line.line(RESOURCE) == (
        "telemetry: service=payment-service version=0.1.0 team=platform environment=development"
        f" traces={to} metrics={to} logs=off sampler=parentbased_always_on"
    )


@pytest.mark.parametrize(
    "name", ["my shop", 'a "b"', "a=b", "a\\b", "a\nb", "it's", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", ""]
)
def test_a_value_comes_back_whole(fields: Fields, name: str) -> None:
    """Spaces, quotes, =, backslashes and line breaks in a value do not break the line apart."""
    assert fields(RESOURCE | {"service.name": name})["service"] == name


def test_where_each_signal_goes(telemetry: Any, fields: Fields, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console, an endpoint of its own, both, nothing, or the provider of another set-up."""
    chosen = {
        "OTEL_TRACES_EXPORTER": "otlp, console",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:1",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "none",
    }
    line = fields(RESOURCE, **chosen)
    to = f"console,http://collector:1({telemetry.settings.protocol.PROTOCOL})"
    assert [line["traces"], line["metrics"], line["logs"]] == [to, "console", "off"]
    monkeypatch.setitem(telemetry.foreign, "traces", "ddtrace.Provider")
    assert fields(RESOURCE, **chosen)["traces"] == "other(ddtrace.Provider)"
    line = fields(RESOURCE, **chosen, OTEL_SDK_DISABLED="true")
    assert [line["traces"], line["metrics"], line["logs"]] == ["off", "off", "off"]


@pytest.mark.parametrize(
    ("sampler", "argument", "expected"),
    [
        ("always_off", "1", "always_off"),
        ("ParentBased_TraceIdRatio", "0.25", "parentbased_traceidratio(0.25)"),
        ("traceidratio", "1", "traceidratio(1)"),
    ],
)
def test_a_ratio_is_shown_if_the_sampler_reads_it(fields: Fields, sampler: str, argument: str, expected: str) -> None:
    """The sampler has its standard name, and in brackets the ratio."""
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    assert fields(RESOURCE, **variables)["sampler"] == expected


def test_no_secret_is_in_the_line_and_masking_leaves_it_whole(telemetry: Any, fields: Fields) -> None:
    """Credentials and queries are masked value by value; the filter of log lines would take closing quotes away."""
    protocol = telemetry.settings.protocol.PROTOCOL
    secret = "s3cret"
    telemetry.masking.learn({"OTEL_EXPORTER_OTLP_HEADERS": f"x-key={secret}-of-mine"})
    credentials = "" if protocol == "grpc" else f"me:{secret}@"  # gRPC has none in an endpoint
    endpoint = f"https://{credentials}collector:1/v1/traces?key={secret}"
    line = fields(RESOURCE | {"service.name": f"shop {secret}-of-mine"}, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    shown = credentials and "REDACTED@"
    assert line["traces"] == f"https://{shown}collector:1/v1/traces?key=REDACTED({protocol})"
    assert line["service"] == "shop REDACTED"

    for name, is_whole in ((telemetry.start_line.log.name, True), (f"{NAME}.other", False)):
        text = 'traces="https://h/?key=REDACTED(grpc)" logs=off'
        record = logging.LogRecord(name, logging.INFO, "", 0, text, (), None)
        assert telemetry.masking.Masked().filter(record)
        assert (record.getMessage() == text) == is_whole, name
