"""Reads rendered manifests as their platforms do: the environment that a service ends up with."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from ..rendered.tools import judge

COMPONENT = "../../components/gateway"


def kustomized(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that kustomize makes of a folder."""
    done = judge(folder, "kubectl kustomize .")
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def overlay(project: Path, environment: str, component: str, scratch: Path) -> list[dict[str, Any]]:
    """Return the objects of an overlay, with the one line changed that names its component."""
    copy = scratch / f"{environment}-{component}"
    if not copy.exists():
        shutil.copytree(project / "deploy", copy)
        kustomization = copy / "overlays" / environment / "kustomization.yaml"
        text = kustomization.read_text()
        assert text.count(COMPONENT) == 1
        kustomization.write_text(text.replace(COMPONENT, f"../../components/{component}"))
    return kustomized(copy / "overlays" / environment)


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the only object of a kind."""
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def container(containers: list[dict[str, Any]], name: str = "service") -> dict[str, Any]:
    """Return the only container of a name."""
    (found,) = [item for item in containers if item["name"] == name]
    return found


def kubernetes_environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    """Return the variables of the service in a Deployment; what only a cluster knows stands in angle brackets."""
    template = one(objects, "Deployment")["spec"]["template"]
    service = container(template["spec"]["containers"])
    maps = {item["metadata"]["name"]: item["data"] for item in objects if item["kind"] == "ConfigMap"}
    variables: dict[str, str] = {}
    for source in service["envFrom"]:
        variables |= maps[source["configMapRef"]["name"]]
    defined: dict[str, str] = {}  # Kubernetes expands $(NAME) by what stands above it in `env`
    for item in service["env"]:
        if "value" in item:
            value = re.sub(r"\$\((\w+)\)", lambda match: defined[match[1]], item["value"])
        elif "fieldRef" in item["valueFrom"]:
            path = item["valueFrom"]["fieldRef"]["fieldPath"]
            label = re.fullmatch(r"metadata\.labels\['(\w+)'\]", path)
            value = template["metadata"]["labels"][label[1]] if label else f"<{path}>"
        else:
            value = "<secret>"
        defined[item["name"]] = value
    return variables | defined


def task_definition(project: Path, environment: str) -> dict[str, Any]:
    """Return the ECS task definition of an environment."""
    path = project / "deploy" / f"task-definition.{environment}.yaml"
    definition: dict[str, Any] = yaml.safe_load(path.read_text())
    return definition


def ecs_environment(definition: dict[str, Any]) -> dict[str, str]:
    """Return the variables of the service in a task definition."""
    service = container(definition["containerDefinitions"])
    names = [item["name"] for item in service["environment"]]
    assert len(names) == len(set(names))
    secrets = {item["name"]: "<secret>" for item in service.get("secrets", ())}
    return {item["name"]: item["value"] for item in service["environment"]} | secrets


def systemd_environment(path: Path) -> dict[str, str]:
    """Return the variables of an environment file, as systemd reads it."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#;"]
    assert all(re.fullmatch(r"[A-Z_0-9]+=[^\s'\"\\]+", line) for line in lines), lines  # nothing that wants quotes
    variables = dict(line.split("=", 1) for line in lines)
    assert len(variables) == len(lines)
    return variables


def compose_file(project: Path) -> dict[str, Any]:
    """Return the Compose project."""
    composed: dict[str, Any] = yaml.safe_load((project / "deploy" / "compose.yaml").read_text())
    return composed


def environment_of(project: Path, place: tuple[str, str, str], scratch: Path) -> dict[str, str]:
    """Return the variables of the service of a project in a place."""
    deployment, environment, first = place
    if deployment == "kubernetes":
        return kubernetes_environment(overlay(project, environment, first, scratch))
    if deployment == "ecs":
        return ecs_environment(task_definition(project, environment))
    if deployment == "systemd":
        return systemd_environment(project / "deploy" / f"environment.{environment}")
    return {name: str(value) for name, value in compose_file(project)["services"]["service"]["environment"].items()}
