"""Random OTEL_* values: configure() never raises, the service answers, and what is wrong is always said."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ..conftest import Projects
from ..harness.service import Service, clean_environment
from .run import LIMIT, doctor

OTLP = "OTEL_EXPORTER_OTLP"
# What people write, right and wrong; anything else comes from text.
VALUES = [
    *[
        "",
        " ",
        "none",
        "otlp",
        "console",
        "otlp,console",
        "otlp,otlp",
        "true",
        "false",
        "yes",
        "0",
        "1",
        "-1",
        "0.1",
        "10%",
    ],
    *[
        "10s",
        "10000",
        "1e3",
        "nan",
        "inf",
        "5",
        "many",
        "gzip",
        "deflate",
        "zstd",
        "grpc",
        "http/protobuf",
        "http/json",
    ],
    *["tracecontext", "baggage", "b3", "tracecontext,baggage", "always_on", "traceidratio", "parentbased_traceidratio"],
    *["http://h:1", "https://h", "h:1", "ftp://h", "http://[::1]:1", "unix:/x", "/no/such", "/dev/null", "/etc", "a=b"],
    *["a=b,c", "a: b", "service.name=x", "service_name=x", "token=hunter2", "=", ",", "\N{SNOWMAN}", "a\nb", "%", "*"],
]
SWITCHES = ["TRACES_EXPORTER", "METRICS_EXPORTER", "LOGS_EXPORTER", "PROPAGATORS", "SDK_DISABLED", "CONFIG_FILE"]
NAMES = [f"OTEL_{name}" for name in SWITCHES]
NAMES += [f"OTEL_{name}" for name in ("SERVICE_NAME", "RESOURCE_ATTRIBUTES", "TRACES_SAMPLER", "TRACES_SAMPLER_ARG")]
NAMES += [f"OTEL_{kind}_{name}" for kind in ("BSP", "BLRP") for name in ("SCHEDULE_DELAY", "MAX_QUEUE_SIZE")]
NAMES += ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_EXPORT_TIMEOUT"]
NAMES += ["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]
NAMES += ["OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_LOG_LEVEL"]
NAMES += ["OTEL_PYTHON_CONTEXT", "OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_ID_GENERATOR", "OTEL_PYTHON_DISTRO"]
NAMES += ["OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "OTEL_SEMCONV_STABILITY_OPT_IN", "OTEL_SERVICENAME", "OTEL_SHOP_X"]
NAMES += ["OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
NAMES += [f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE", f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"]
NAMES += [
    f"{OTLP}_{signal}{name}"
    for signal in ("", "TRACES_", "METRICS_", "LOGS_")
    for name in ("ENDPOINT", "HEADERS", "TIMEOUT", "PROTOCOL", "COMPRESSION", "INSECURE")
]
NAMES += [f"{OTLP}_{name}" for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "LOGS_CLIENT_KEY")]

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
ENVIRONMENTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES) | TEXT, max_size=6)
# The judge is given other names, too: somebody's spelling of one, or their own.
SPELLINGS = st.builds(
    lambda name, at, by: name[:at] + by + name[at + 1 :], st.sampled_from(NAMES), st.integers(5, 30), TEXT
)
JUDGED = st.dictionaries(st.sampled_from(NAMES) | SPELLINGS, st.sampled_from(VALUES) | TEXT, max_size=12)


@pytest.fixture(params=["grpc", "http"], scope="module")
def judge(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Iterator[Any]:
    """Return settings.py and masking.py of a rendered service, imported without the rest of its package."""
    (folder,) = (rendered(otlp_protocol=request.param) / "src").glob("*/telemetry")
    name = f"judged_{request.param}"
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, package)
        modules = {part: importlib.import_module(f"{name}.{part}") for part in ("settings", "masking")}
        rules = importlib.import_module(f"{name}.settings.rules")
        patch.setattr(rules, "entry_points", cache(entry_points))  # thousands of times
        yield SimpleNamespace(**modules)
        for part in [part for part in sys.modules if part.startswith(name)]:
            del sys.modules[part]


def same(given: str, settled: str | None) -> bool:
    """Tell whether a value has come through, but for its spaces."""
    return given.strip() == settled


@settings(max_examples=2000, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environ=JUDGED)
def test_what_is_wrong_is_always_said(judge: Any, environ: dict[str, str]) -> None:
    """A value reaches the SDK as it was given, or one sentence names its variable; what is put right stays right."""
    settled, problems = judge.settings.judge(environ)
    for name, value in environ.items():
        if value.strip() and name[:5].upper() == "OTEL_":
            said = any(problem.variable == name for problem in problems)
            is_none = name.endswith("_COMPRESSION") and (
                value.strip().lower() == "none" or name == f"{OTLP}_COMPRESSION"
            )
            assert said or is_none or same(value, settled.get(name)), (name, problems)
    for problem in problems:
        assert problem.variable in environ
        assert problem.key
        assert str(problem).startswith((f"{problem.variable}=", f"{problem.variable} (value not shown) "))
    assert judge.settings.judge(settled) == (settled, [])
    # What an SDK in Python needs of them, whatever was given.
    assert 0 <= float(settled["OTEL_TRACES_SAMPLER_ARG"]) <= 1
    assert 0 < float(settled[f"{OTLP}_TIMEOUT"]) <= 600
    assert int(settled["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]) <= int(settled["OTEL_BSP_MAX_QUEUE_SIZE"])
    for name in settled.get("OTEL_PROPAGATORS", "none").split(","):
        assert name.strip() == "none" or entry_points(group="opentelemetry_propagator", name=name.strip())


@settings(max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES) | SPELLINGS, before=TEXT, after=TEXT)
@example(name="OTEL_RESOURCE_ATTRIBUTES", before="0=", after=",0")
def test_a_secret_is_never_said(judge: Any, name: str, before: str, after: str) -> None:
    """Whatever stands around it: a header's value, malformed or not, and a password in a URL stay out of sentences."""
    secret = "hunter2secret"
    headers = (f"{OTLP}_HEADERS", f"{OTLP}_TRACES_HEADERS")
    for variables, value in (
        (headers, f"authorization={secret}"),
        (headers, f"authorization: Bearer {secret}{after}"),
        ((name,), f"{before}://me:{secret}@host{after}"),
    ):
        for variable in variables:
            _, problems = judge.settings.judge({variable: value})
            assert [problem for problem in problems if secret in str(problem)] == []


# Run by the service's own Python: for each environment a child, forked before OpenTelemetry is imported.
MANY = """
import json, os, sys, traceback
import asyncio, http.client, ssl, urllib.request  # what takes long to import and reads no variable
for line in sys.stdin:
    read, write = os.pipe()
    if not (child := os.fork()):
        os.dup2(write, 1); os.dup2(write, 2)
        os.environ.update(json.loads(line))
        status = 1
        try:
            from payment_service import telemetry
            telemetry.draining.DEADLINE_SECONDS = 0.2
            telemetry.configure()
            from opentelemetry import metrics, propagate, trace
            with trace.get_tracer("x").start_as_current_span("x"):
                metrics.get_meter("x").create_counter("x").add(1)
                propagate.inject({})
            status = 0
            telemetry.shutdown()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(status)
    os.close(write)
    with os.fdopen(read, errors="replace") as said:
        out = said.read()
    print(json.dumps([os.waitpid(child, 0)[1], out]), flush=True)
"""
# What a real exporter says about a place that is not there.
UNREACHABLE = ("opentelemetry.exporter", "not everything could be sent")


@pytest.mark.slow
def test_configure_never_raises_and_the_sdk_has_nothing_to_add(projects: Projects, protocol: Any) -> None:
    """Over random environments configure() returns, work is done, and the SDK itself complains of no setting."""
    project = projects(protocol)
    command = [str(project / ".venv/bin/python"), "-c", MANY]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean_environment(), **pipes) as many:
        assert many.stdin
        assert many.stdout
        tell, hear = many.stdin, many.stdout

        @settings(
            max_examples=25, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
        )
        @given(environ=ENVIRONMENTS)
        def run(environ: dict[str, str]) -> None:
            variables = {f"{OTLP}_TIMEOUT": "0.1", "OTEL_METRICS_EXPORTER": "none"} | environ
            tell.write(json.dumps(variables) + "\n")
            tell.flush()
            status, said = json.loads(hear.readline())
            assert status == 0, (environ, said)
            lines = [
                line for line in said.splitlines() if " WARNING opentelemetry" in line or " ERROR opentelemetry" in line
            ]
            assert [line for line in lines if not any(words in line for words in UNREACHABLE)] == [], (environ, said)
            assert "Traceback" not in said, (environ, said)

        run()
        tell.close()


@pytest.mark.slow
def test_the_doctor_has_a_verdict_whatever_the_environment_says(projects: Projects, protocol: Any) -> None:
    """Over random environments it ends in time with findings, one document and no traceback, and shows no secret."""
    secret = "hunter2secret"
    values = st.sampled_from([*filter(str.strip, VALUES), f"http://u:{secret}@127.0.0.1:1"])

    @settings(max_examples=5, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(environ=st.dictionaries(st.sampled_from(NAMES), values, min_size=6, max_size=20))
    def run(environ: dict[str, str]) -> None:
        planted = {name: f"k: {secret}" if "HEADERS" in name else value for name, value in environ.items()}
        report = doctor(projects(protocol), **planted)
        assert report.status == 1
        assert report.seconds < LIMIT
        assert secret not in report.out + report.err

    run()


@pytest.mark.slow
def test_the_service_answers_whatever_the_environment_says(projects: Projects) -> None:
    """Five environments that no one would set on purpose: the service takes requests in each."""

    @settings(max_examples=5, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(
        environ=st.dictionaries(
            st.sampled_from(NAMES), st.sampled_from(VALUES).filter(str.strip), min_size=8, max_size=20
        )
    )
    def run(environ: dict[str, str]) -> None:
        with Service(projects("grpc"), **{f"{OTLP}_TIMEOUT": "0.1"} | environ) as service:
            assert service.post(4999) == 201
            service.stop()

    run()
