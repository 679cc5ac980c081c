"""The standard variables against the code: the environment wins, and a bad value is told and survived.

Each row of TABLE runs the probe twice, with the row's variables and without them, and looks at a real receiver for what
changed. The runs go on in the background, a few at a time; rows that need the same run share it.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import cast

import pytest

from ..conftest import Projects
from ..harness.ahead import Ahead, selected, started
from ..harness.certificates import Authority
from ..harness.service import clean_environment
from .environment.observe import arrived
from .environment.runs import PACKAGE, Outcome, Protocol, Run, execute
from .environment.table import (
    ANY_TEXT,
    BOTH,
    IN_TABLE,
    NO_EFFECT,
    OTLP,
    REFUSED,
    TABLE,
    UNDECLARED,
    Row,
    each,
)

pytestmark = pytest.mark.slow

AT_ONCE = 4  # processes, which mostly wait


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, projects: Projects, authority: Authority) -> Iterator[Ahead[Outcome]]:
    """Return the function from runs to outcomes; what the selected tests of this module need is under way already."""
    with started(lambda run: execute(run, projects(run.protocol), authority), AT_ONCE) as runs:
        for (needs,) in selected(request, "needs"):
            for run in needs:
                runs.begin(run)
        yield runs


def identify(row: Row, protocol: Protocol) -> str:
    """Return the name of a row among the tests: its variables, those of the three signals in one."""
    names = dict.fromkeys(re.sub("_(TRACES|METRICS|LOGS)_", "_*_", name) for name in row.variables)
    short = names if len(row.variables) > len(names) else row.variables
    given = f"{'+'.join(name.removeprefix('OTEL_') for name in short)}={next(iter(row.variables.values()))[:12]}"
    return "-".join([protocol, given, *(name for name in row.beside if not name.startswith("OTEL_"))])


@pytest.mark.parametrize(
    ("row", "needs"),
    [pytest.param(row, row.runs(protocol), id=identify(row, protocol)) for row in TABLE for protocol in row.protocols],
)
def test_the_environment_wins(runs: Ahead[Outcome], row: Row, needs: tuple[Run, Run]) -> None:
    """Without the variable the code's default shows, with it the environment's value, and nothing is complained of."""
    without, with_it = map(runs, needs)
    assert (without.status, with_it.status) == (0, 0), without.output + with_it.output
    assert row.default != row.expected
    assert row.observe(without) == row.default, without.output
    assert row.observe(with_it) == row.expected, with_it.output
    assert [line for line in with_it.errors if f" {PACKAGE}.telemetry: " in line] == [], with_it.output


# Nothing is left out.

# Run by the service's Python: what OpenTelemetry declares, and what of it no other module of it mentions.
DECLARED = f"""
import json, pathlib, re, {PACKAGE}
from opentelemetry import environment_variables as api, sdk
from opentelemetry.instrumentation import environment_variables as contrib
from opentelemetry.sdk import environment_variables as sdk_variables
from {PACKAGE}.telemetry import settings
modules = [api, sdk_variables, contrib]
declared = {{getattr(m, name) for m in modules for name in dir(m) if name.startswith("OTEL_")}}
sources = [path for path in pathlib.Path(sdk.__path__[0]).parent.rglob("*.py") if "environment_variables" not in str(path)]
mentioned = set(re.findall(r"OTEL_[A-Z_]+", " ".join(path.read_text() for path in sources)))
print(json.dumps([sorted(declared), sorted(declared - mentioned), list(settings.DEFAULTS), [r.names for r in settings.RULES]]))
"""


@pytest.fixture(scope="module")
def declared(projects: Projects) -> list[list[str]]:
    """Return what OpenTelemetry declares, what of it is read nowhere, our defaults, and our rules' patterns."""
    done = subprocess.run(
        [projects("grpc") / ".venv/bin/python", "-c", DECLARED],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return cast("list[list[str]]", json.loads(done.stdout))


def test_the_table_leaves_nothing_out(declared: list[list[str]]) -> None:
    """Every variable that OpenTelemetry declares or the service has a default for is in the table, or has a reason."""
    names, _, defaults, _ = declared
    assert sorted(IN_TABLE | REFUSED.keys() | NO_EFFECT.keys()) == sorted({*names, *defaults})
    assert not IN_TABLE & (REFUSED.keys() | NO_EFFECT.keys())


def test_what_is_said_to_be_read_nowhere_is(declared: list[list[str]]) -> None:
    """A variable that a new release begins to read, of those that we pass over, shows here."""
    _, unread, _, _ = declared
    assert {name for name in NO_EFFECT | REFUSED if name in unread} == {
        "OTEL_LOG_LEVEL",
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "OTEL_EXPORTER_PROMETHEUS_PORT",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
        "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
    }
    assert not IN_TABLE & set(unread)


def test_every_rule_judges_a_variable_of_the_table(declared: list[list[str]]) -> None:
    """No rule is dead, and what no rule judges is listed as free text."""
    known = IN_TABLE | REFUSED.keys() | UNDECLARED.keys()
    judged = {rule: {n for n in known if re.fullmatch(f"OTEL_({rule})", n)} for rule in declared[3]}
    assert [rule for rule, variables in judged.items() if not variables] == []
    assert IN_TABLE - {name for variables in judged.values() for name in variables} == ANY_TEXT.keys()


# A bad value.

# Each of these might end the process, or sends it elsewhere: it gets a run of its own.
ALONE = [
    f"{OTLP}_ENDPOINT",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_PYTHON_METER_PROVIDER",
    *UNDECLARED,
]
SHARED_RUNS = 8  # for all others: that shows as well that one bad value does not hide the next


def bad(variable: str, value: str) -> str:
    """Return a bad value for the variable; for an endpoint, which may be a bare host, one that is none."""
    return f"ftp://{value}" if variable.endswith("_ENDPOINT") else value


def bad_runs() -> Iterator[tuple[str, Run]]:
    """Yield each variable that may be set badly, with the run that does so."""
    judged = sorted((IN_TABLE | REFUSED.keys()) - ANY_TEXT.keys())
    shared = [name for name in judged if name not in ALONE]
    groups = [[name] for name in ALONE] + [shared[at::SHARED_RUNS] for at in range(SHARED_RUNS)]
    for value in ("\N{SNOWMAN}", "-1"):
        for group in groups:
            variables = {f"{OTLP}_TIMEOUT": "1"} | {name: bad(name, value) for name in group}
            for name in group:
                yield name, Run("grpc", tuple(sorted(variables.items())))


@pytest.mark.parametrize(
    ("variable", "needs"), [pytest.param(n, (r,), id=f"{n}={dict(r.variables)[n]!a}") for n, r in bad_runs()]
)
def test_a_bad_value_is_told_once_and_survived(runs: Ahead[Outcome], variable: str, needs: tuple[Run]) -> None:
    """The process goes on to its end, and exactly one ERROR says which variable is wrong."""
    outcome = runs(needs[0])
    assert outcome.status == 0, outcome.output
    told = [line for line in outcome.errors if re.search(rf": {variable}(=| \(value not shown\))", line)]
    assert len(told) == 1, outcome.output
    assert [line for line in outcome.errors if re.search(rf"\b{variable}\b", line)] == told


@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("needs", [()])
def test_the_installed_protocol_is_accepted_in_silence(
    runs: Ahead[Outcome], protocol: Protocol, needs: tuple[Run, ...]
) -> None:
    """Naming what is installed, for all signals and for each, is no mistake and changes nothing."""
    variables = {f"{OTLP}_PROTOCOL": "{protocol}"} | each("PROTOCOL", "{protocol}")
    outcome = runs(Run(protocol, tuple(sorted(variables.items()))))
    assert (outcome.status, outcome.errors, arrived(outcome)) == (0, [], ["traces", "metrics"])


def test_secrets_in_headers_are_never_printed(runs: Ahead[Outcome]) -> None:
    """Whatever is wrong with the headers, their values stay out of what the process prints."""
    for value in ("x-key=s3cret\N{SNOWMAN}", 'x-key="s3cret"', "x-key: s3cret", "x-key=s3cret;a,b"):
        outcome = runs(Run("grpc", ((f"{OTLP}_HEADERS", value),)))
        assert len([line for line in outcome.errors if "HEADERS" in line]) == 1, (value, outcome.output)
        assert "s3cret" not in outcome.output
