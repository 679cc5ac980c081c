"""The environment is one table: the four targets render it to the letter, and differ only where it says so."""

import json
import re
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from ..conftest import ROOT, Projects
from .manifests import environment_of
from .table import DEPLOYED, FRAMEWORKS, PLACES, PROTOCOLS, WEB, table, telemetry

Rendered = Callable[..., Path]

# The differences between the targets of one environment, all of them.
BY_TARGET = {
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES",
}
# The differences between the environments of one target.
BY_ENVIRONMENT = {"OTEL_RESOURCE_ATTRIBUTES"}


def otel(variables: dict[str, str]) -> dict[str, str]:
    """Return those variables that are OpenTelemetry's."""
    return {name: value for name, value in variables.items() if name.startswith("OTEL_")}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids="-".join)
@pytest.mark.parametrize(("framework", "protocol"), [*product(FRAMEWORKS, PROTOCOLS)])
def test_every_target_says_what_the_table_says(
    framework: str, protocol: str, place: tuple[str, str, str], rendered: Rendered, tmp_path: Path
) -> None:
    """Exactly the table's names and values, in each place, for each framework and protocol."""
    project = rendered(framework=framework, otlp_protocol=protocol, deployment=place[0])
    variables = environment_of(project, place, tmp_path)
    assert otel(variables) == telemetry(framework, protocol, *place)
    own = {row["name"]: row["value"] for row in table(framework, protocol).own}
    helpers = {"ENVIRONMENT", "NODE_NAME", "POD_NAME", "POD_NAMESPACE", "POD_UID"} & variables.keys()
    helpers |= {"GATEWAY_TOKEN"} if place[2] == "gateway" else set()
    assert {n: v for n, v in variables.items() if n in own} == own
    redis = set() if framework in WEB or place[0] == "systemd" else {"REDIS_URL"}  # there its user writes it down
    assert variables.keys() - otel(variables).keys() - own.keys() - helpers == redis


def test_the_targets_differ_only_where_it_is_listed(rendered: Rendered, tmp_path: Path) -> None:
    """Of the variables that a deployed service has, four depend on where it runs, one of them on the environment."""
    found = {
        place: otel(environment_of(rendered(deployment=place[0]), place, tmp_path))
        for place in PLACES
        if place[1] in DEPLOYED
    }
    for environment in DEPLOYED:
        here = [variables for place, variables in found.items() if place[1] == environment]
        names = set().union(*here)
        assert {name for name in names if len({v.get(name) for v in here}) > 1} == BY_TARGET
    for (deployment, environment, first), variables in found.items():
        other = found[deployment, next(e for e in DEPLOYED if e != environment), first]
        assert {name for name in variables | other if variables.get(name) != other.get(name)} == BY_ENVIRONMENT


def test_every_row_has_a_reason_that_is_rendered(rendered: Rendered) -> None:
    """A person who reads a manifest reads there why each of its variables is what it is."""
    for deployment in ("ecs", "systemd", "compose"):
        text = "".join(
            p.read_text() for p in sorted((rendered(deployment=deployment) / "deploy").glob("*")) if p.is_file()
        )
        for row in table("fastapi", "grpc").everywhere:
            assert row["why"].endswith(".")
            assert row["why"] in text, (deployment, row["name"])


def test_plaintext_only_where_the_hop_is_local() -> None:
    """An endpoint is https but for this machine, pod, task or node; and whoever reads the manifest reads that."""
    endpoints = table("fastapi", "grpc").endpoints
    plaintext = {first for first, endpoint in endpoints.items() if not endpoint.startswith("https://")}
    assert plaintext == {"node-agent", "sidecar", "ecs", "systemd", "compose"}
    for source in sorted((ROOT / "{{cookiecutter.project_slug}}/options/deployment").rglob("*")):
        if (
            source.is_file()
            and "environment.endpoints" in source.read_text()
            and "endpoints['gateway']" not in source.read_text()
        ):
            said = re.search(r"# To (?:the|an) agent (.|\n)*plaintext", source.read_text())
            assert said, source


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("deploy/overlays/production/telemetry.env", "OTEL_LOGS_EXPORTER=none", "OTEL_LOG_EXPORTER=none"),
        ("deploy/components/gateway/deployment.yaml", "- name: service", "- name: services"),
        ("deploy/base/deployment.yaml", "k8s.pod.uid=$(POD_UID)", "k8s.pod.uid=$(POD_NAME)"),
        ("deploy/overlays/production/kustomization.yaml", "environment: production", "environment: staging"),
    ],
)
def test_a_difference_is_found(file: str, old: str, new: str, cookies: object, tmp_path: Path) -> None:
    """A misspelt name, a patch that reaches nothing, a wrong field and a wrong label each change the set."""
    project = cookies.bake().project_path  # type: ignore[attr-defined]
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    place = ("kubernetes", "production", "gateway")
    try:
        variables = otel(environment_of(project, place, tmp_path))
    except ValueError:  # a second container, where there must be one
        return
    assert variables != telemetry("fastapi", "grpc", *place)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_service_finds_nothing_wrong_with_it(
    protocol: str, projects: Projects, rendered: Rendered, tmp_path: Path
) -> None:
    """The service's own judge has no complaint about what a target sets, a mounted certificate aside."""
    places = [otel(environment_of(rendered(otlp_protocol=protocol, deployment=p[0]), p, tmp_path)) for p in PLACES]
    for variables in places:
        variables.pop("OTEL_EXPORTER_OTLP_CERTIFICATE", None)
    code = """
import json, sys
from payment_service.telemetry import settings
print(json.dumps([settings.judge(variables)[1] for variables in json.load(sys.stdin)]))
"""
    python = projects(protocol) / ".venv/bin/python"
    done = subprocess.run(
        [python, "-c", code], input=json.dumps(places), capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == [[]] * len(PLACES)
