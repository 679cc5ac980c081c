"""ECS: a task definition that cfn-lint takes, whose two containers start and end in the right order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..rendered.tools import judge
from .manifests import container, task_definition
from .table import DEPLOYED, FRAMEWORKS, WEB

Rendered = Callable[..., Path]

DATA = {"options"}  # whose keys are names of somebody's, and keep their case


def pascal(value: Any, inside: str = "") -> Any:
    """Return a definition as CloudFormation spells it."""
    if isinstance(value, list):
        return [pascal(item) for item in value]
    if isinstance(value, dict):
        return {k if inside in DATA else k[0].upper() + k[1:]: pascal(v, k) for k, v in value.items()}
    return value


def lint(definition: dict[str, Any], folder: Path) -> str:
    """Return what cfn-lint finds, without the names of files."""
    task = {"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(definition)}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Task": task}}
    (folder / "task.yaml").write_text(yaml.safe_dump(template))
    done = judge(folder, "cfn-lint task.yaml")
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("environment", DEPLOYED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_task_definition_is_valid(framework: str, environment: str, rendered: Rendered, tmp_path: Path) -> None:
    """cfn-lint finds nothing in the definition of either environment, whatever the framework."""
    assert lint(task_definition(rendered(framework=framework, deployment="ecs"), environment), tmp_path) == ""


@pytest.mark.slow
def test_a_mistake_is_found(rendered: Rendered, tmp_path: Path) -> None:
    """Memory that Fargate does not offer beside its CPU, and a misspelt field, do not pass."""
    definition = task_definition(rendered(deployment="ecs"), "production")
    assert "E3047" in lint(definition | {"memory": "512"}, tmp_path)
    assert "NetworkModus" in lint(definition | {"networkModus": "awsvpc"}, tmp_path)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_agent_is_there_first_and_last(framework: str, rendered: Rendered) -> None:
    """The service waits for the agent to start, so ECS stops it first, and the agent outlives it."""
    definition = task_definition(rendered(framework=framework, deployment="ecs"), "production")
    service, agent = (container(definition["containerDefinitions"], name) for name in ("service", "agent"))
    assert service["dependsOn"] == [{"containerName": "agent", "condition": "START"}]
    assert (service["essential"], agent["essential"], agent["restartPolicy"]["enabled"]) == (True, False, True)
    assert {c["logConfiguration"]["options"]["mode"] for c in (service, agent)} == {"non-blocking"}
    assert ("healthCheck" in service, "portMappings" in service) == (framework in WEB, framework in WEB)
    secrets = {c["name"]: {s["name"] for s in c.get("secrets", ())} for c in (service, agent)}
    redis = set() if framework in WEB else {"REDIS_URL"}
    assert secrets == {"service": redis, "agent": {"AGENT_CONFIGURATION", "GATEWAY_TOKEN"}}
    assert all(s["valueFrom"].startswith("arn:aws:") for c in (service, agent) for s in c.get("secrets", ()))


def test_staging_is_production_under_another_name(rendered: Rendered) -> None:
    """The two definitions differ in the word that names the environment, and in nothing else."""
    texts = {
        e: (rendered(deployment="ecs") / f"deploy/task-definition.{e}.yaml").read_text()
        for e in ("staging", "production")
    }
    assert texts["staging"].count("staging") == 4
    assert texts["staging"].replace("staging", "production") == texts["production"]


def test_the_agents_configuration_fits_a_parameter(rendered: Rendered) -> None:
    """agent.yaml is given to the agent as a standard parameter, which holds 4 KB."""
    assert len((rendered(deployment="ecs") / "deploy/collector/agent.yaml").read_bytes()) <= 4096
