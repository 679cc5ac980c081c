"""Services and the pipeline are generated apart: what both state is equal."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..manifests.kubernetes import environment, pod_of
from ..manifests.manifests import container, kustomized, overlay, systemd_environment, task_definition
from ..manifests.table import PROTOCOLS, table
from .variables import environment_file

Rendered = Callable[..., Path]


def addresses(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the name and port at which each Service of the pipeline is reached."""
    for item in objects:
        if item["kind"] == "Service":
            for port in item["spec"]["ports"]:
                yield f"{item['metadata']['name']}.{item['metadata']['namespace']}:{port['port']}"


def references(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the name and key of each Secret that a container's variable takes its value from."""
    found = set()
    for item in objects:
        if item["kind"] in {"Deployment", "DaemonSet"}:
            pod = item["spec"]["template"]["spec"]
            for one in [*pod.get("initContainers", ()), *pod["containers"]]:
                for variable in one["env"]:
                    if "secretKeyRef" in variable.get("valueFrom", {}):
                        reference = variable["valueFrom"]["secretKeyRef"]
                        found.add((reference["name"], reference["key"]))
    return found


@pytest.mark.parametrize("deployment", ["kubernetes", "ecs", "systemd", "compose"])
def test_agents_have_one_configuration(deployment: str, rendered: Rendered, pipelines: Rendered) -> None:
    """An agent beside a service and an agent on a node are configured alike, byte for byte."""
    beside = rendered(deployment=deployment) / "deploy/collector/agent.yaml"
    assert beside.read_bytes() == (pipelines() / "collector/agent.yaml").read_bytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_services_send_to_what_the_pipeline_opens(protocol: str, pipelines: Rendered) -> None:
    """Each endpoint in the services' table is a Service of the pipeline, by name, namespace and port."""
    opened = set(addresses(kustomized(pipelines())))
    rows = table("fastapi", protocol)
    wanted = [rows.endpoints[first].partition("://")[2] for first in ("gateway", "node-agent")]
    assert {*wanted, rows.gateway} <= opened


def test_both_name_the_same_token_and_authority(rendered: Rendered, pipelines: Rendered, tmp_path: Path) -> None:
    """The Secret of the token and its key, the CA's ConfigMap and its file, and the agents' label agree."""
    pipeline = kustomized(pipelines())
    services = {c: overlay(rendered(), "production", c, tmp_path) for c in ("gateway", "node-agent", "sidecar")}
    assert references(services["gateway"]) == references(services["sidecar"]) == {("otel-gateway-token", "token")}
    assert ("otel-gateway-token", "token") in references(pipeline)
    agent = pod_of(pipeline, "otel-agent")["spec"]
    sidecar = pod_of(services["sidecar"], "payment-service")["spec"]
    volume = {"name": "otel-gateway-ca", "configMap": {"name": "otel-gateway-ca"}}
    assert volume in agent["volumes"]
    assert volume in sidecar["volumes"]
    variables = [environment(agent["containers"], "agent"), environment(sidecar["initContainers"], "agent")]
    for name in ("GATEWAY_ENDPOINT", "GATEWAY_CA_FILE"):
        assert variables[0][name] == variables[1][name]
    (rule,) = [item for item in pipeline if (item["kind"], item["metadata"]["name"]) == ("NetworkPolicy", "otel-agent")]
    label = rule["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    labels = pod_of(services["node-agent"], "payment-service")["metadata"]["labels"]
    assert label.items() <= labels.items()


def test_all_run_the_same_collector(pipelines: Rendered) -> None:
    """The image of gateways and node agents is the one that services name for their own agents."""
    pipeline = kustomized(pipelines())
    workloads = [item for item in pipeline if item["kind"] in {"Deployment", "DaemonSet"}]
    images = {one["image"] for item in workloads for one in item["spec"]["template"]["spec"]["containers"]}
    assert images == {table("fastapi", "grpc").images["collector"]}


def test_machines_agree_on_the_name_of_the_gateways(rendered: Rendered, pipelines: Rendered) -> None:
    """Agents on machines and on ECS send to the DNS name by which gateways find each other and certify themselves."""
    gateway = environment_file(pipelines(target="systemd"))
    agent = systemd_environment(rendered(deployment="systemd") / "deploy/agent.environment")
    task = task_definition(rendered(deployment="ecs"), "production")
    ecs = {v["name"]: v["value"] for v in container(task["containerDefinitions"], "agent")["environment"]}
    name = gateway["PEERS_SERVER_NAME"]
    assert agent["GATEWAY_ENDPOINT"] == ecs["GATEWAY_ENDPOINT"] == f"{name}:4317"
    assert f"hostname: {name}," in gateway["PEERS"]
    readme = (pipelines(target="systemd") / "README.md").read_text()
    secrets = [s["valueFrom"] for s in container(task["containerDefinitions"], "agent")["secrets"]]
    (secret,) = re.findall(r"the secret `([\w-]+)`", readme)
    assert any(value.endswith(f":secret:{secret}") for value in secrets)
    assert "/etc/otelcol/token" in readme
    assert "/etc/otelcol/token" in (rendered(deployment="systemd") / "deploy/otel-agent.service").read_text()


@pytest.mark.parametrize("deployment", ["kubernetes", "ecs", "systemd", "compose"])
def test_a_service_holds_nothing_of_the_cluster(deployment: str, rendered: Rendered) -> None:
    """A service has no gateway, node agent or alert rule; its README says how to generate them."""
    deploy = rendered(deployment=deployment) / "deploy"
    objects = [path for path in deploy.rglob("*") if path.is_file()]
    assert {path.name for path in (deploy / "collector").iterdir()} <= {"README.md", "agent.yaml", "kustomization.yaml"}
    assert [
        p
        for p in objects
        if re.search(r"^kind: (DaemonSet|NetworkPolicy)|tail_sampling|^groups:", p.read_text(), re.MULTILINE)
    ] == []
    assert "--directory pipeline" in (deploy / "collector/README.md").read_text()
    if deployment != "compose":
        assert "--directory pipeline" in (deploy / "README.md").read_text()
