"""Grace periods: each is longer than a service needs to end, and says for what in the numbers of the code."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .table import ANSWERS, FRAMEWORKS, WEB

Rendered = Callable[..., Path]

# Where each target writes how long a service has after SIGTERM; the comment is on that line or above it.
PERIODS = {
    "kubernetes": ("base/deployment.yaml", "terminationGracePeriodSeconds: (\\d+)"),
    "ecs": ("task-definition.production.yaml", "stopTimeout: (\\d+) #"),
    "systemd": ("payment-service.service", "TimeoutStopSec=(\\d+)"),
    "compose": ("compose.yaml", "stop_grace_period: (\\d+)s"),
}


def constant(path: Path, name: str) -> Any:
    """Return the literal that a module assigns to a name."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise LookupError(f"{path} assigns no literal to {name}")


def seconds(project: Path, framework: str) -> dict[str, float]:
    """Return how long each part of an end takes, by the code."""
    (source,) = project.glob("src/*")
    parts = {"telemetry": constant(source / "telemetry/process/draining.py", "DEADLINE_SECONDS")}
    if framework == "fastapi":
        parts["open requests"] = constant(source / "server.py", "GRACE_SECONDS")
    if framework == "flask":
        parts["open requests"] = constant(project / "gunicorn.conf.py", "graceful_timeout") - parts["telemetry"]
    sleep = re.search(r"preStop:\s+sleep:\s+seconds: (\d+)", "".join(p.read_text() for p in project.rglob("*.yaml")))
    if sleep:
        parts["endpoints to forget the pod"] = int(sleep[1])
    return parts


def test_every_target_has_a_grace_period() -> None:
    """No offered deployment is left out."""
    assert set(PERIODS) == set(ANSWERS["deployment"])


@pytest.mark.parametrize("deployment", PERIODS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_grace_period_is_longer_than_what_it_says(framework: str, deployment: str, rendered: Rendered) -> None:
    """The seconds of the comment are those of the code, each once, and together they fit into the grace period."""
    file, pattern = PERIODS[deployment]
    project = rendered(framework=framework, deployment=deployment)
    text = (project / "deploy" / file).read_text()
    period = re.search(pattern, text)
    assert period
    lines = text[: text.index("\n", period.end())].splitlines()
    (comment,) = (line.partition("#")[2] for line in lines[-2:] if "to spare" in line)
    said = {what: float(number) for number, what in re.findall(r"(\d+) s for ([a-z ]+)", comment)}
    needed = seconds(project, framework)
    assert said == needed
    assert {"telemetry"} <= needed.keys()
    assert ("open requests" in needed) == (framework in WEB)
    assert ("endpoints to forget the pod" in needed) == (framework in WEB and deployment == "kubernetes")
    assert sum(needed.values()) < int(period[1])


@pytest.mark.parametrize("framework", sorted(WEB))
def test_gunicorn_says_what_a_worker_gets(framework: str, rendered: Rendered) -> None:
    """The comment of gunicorn.conf.py divides graceful_timeout as the code does; it fits into each grace period."""
    project = rendered(framework=framework)
    text = (project / "gunicorn.conf.py").read_text()
    requests, telemetry = map(float, re.findall(r"(\d+) s (?:for open requests|to drain telemetry)", text))
    assert telemetry == seconds(project, framework)["telemetry"]
    assert requests + telemetry == constant(project / "gunicorn.conf.py", "graceful_timeout")
    endpoints = seconds(project, framework)["endpoints to forget the pod"]
    period = re.search(PERIODS["kubernetes"][1], (project / "deploy/base/deployment.yaml").read_text())
    assert period
    assert endpoints + requests + telemetry < int(period[1])
