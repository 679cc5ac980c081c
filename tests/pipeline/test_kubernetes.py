"""Kubernetes: the gateways and agents of a cluster are valid and safe, and fit the services that send to them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..manifests.kubernetes import (
    Objects,
    containers,
    dangling,
    environment,
    pod_of,
    pods,
    secret,
    unrestricted,
    valid,
)
from ..manifests.manifests import container, kustomized, overlay
from ..manifests.table import COMPONENTS

Rendered = Callable[..., Path]


@pytest.mark.parametrize("authentication", ["token", "mtls", "none"])
def test_the_pipeline_is_valid_and_safe(authentication: str, pipelines: Rendered, tmp_path: Path) -> None:
    """The agents and gateways of a cluster are valid and restricted, and ask for configurations that are there."""
    objects = kustomized(pipelines(backend_authentication=authentication))
    assert valid(objects, tmp_path)
    assert [problem for pod in pods(objects) for problem in unrestricted(pod)] == []
    assert dangling(objects) == set()
    assert {item["metadata"].get("namespace", "observability") for item in objects} == {"observability"}
    configurations = next(i["data"] for i in objects if i["metadata"]["name"].startswith("otel-collector-"))
    assert configurations.keys() == {"agent.yaml", "gateway.yaml"}
    (agent,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == ("Service", "otel-agent")]
    assert agent["spec"]["internalTrafficPolicy"] == "Local"  # its plaintext never leaves the node


def test_every_hop_to_a_gateway_has_its_token(rendered: Rendered, pipelines: Rendered, tmp_path: Path) -> None:
    """Tokens are in Secrets; where one is missing a service starts nonetheless, and no agent or gateway does."""
    pod = {c: next(pods(overlay(rendered(), "production", c, tmp_path))) for c in COMPONENTS}
    service = environment(pod["gateway"]["containers"], "service")
    assert service["GATEWAY_TOKEN"] == secret(optional=True)
    assert service["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20$(GATEWAY_TOKEN)"
    assert list(service).index("GATEWAY_TOKEN") < list(service).index("OTEL_EXPORTER_OTLP_HEADERS")
    assert not environment(pod["node-agent"]["containers"], "service").keys() & {"GATEWAY_TOKEN"}
    sidecar = environment(pod["sidecar"]["initContainers"], "agent")
    assert (sidecar["TOKEN_OF_SECRET"], sidecar["GATEWAY_TOKEN"]) == (secret(optional=True), "$(TOKEN_OF_SECRET)")
    assert list(sidecar).index("TOKEN_OF_SECRET") < list(sidecar).index("GATEWAY_TOKEN")
    pipeline = kustomized(pipelines())
    agent, gateway = (pod_of(pipeline, name)["spec"] for name in ("otel-agent", "otel-gateway"))
    assert environment(agent["containers"], "agent")["GATEWAY_TOKEN"] == secret(optional=False)
    assert {"name": "otel-gateway-tokens", "secret": {"secretName": "otel-gateway-tokens"}} in gateway["volumes"]
    variables = environment(gateway["containers"], "gateway")
    assert variables["CLIENT_TOKENS_FILE"] == "/etc/otel-gateway-tokens/clients"
    assert variables["PEERS_TOKENS_FILE"] == "/etc/otel-gateway-tokens/peers"
    mounts = {m["name"]: m for m in container(gateway["containers"], "gateway")["volumeMounts"]}
    assert mounts["otel-gateway-tokens"]["mountPath"] == "/etc/otel-gateway-tokens"


@pytest.mark.parametrize("authentication", ["token", "mtls", "none"])
def test_the_readme_makes_every_secret(authentication: str, pipelines: Rendered) -> None:
    """It has a command for each Secret that the manifests read, with its keys; cert-manager makes the gateways' own."""
    project = pipelines(backend_authentication=authentication)
    text = (project / "README.md").read_text()
    made = {
        name: set(re.findall(r"--from-literal=(\w+)=", options))
        for name, options in re.findall(r"create secret generic (\S+) (.*)", text)
    }
    made |= {name: set() for name in re.findall(r"create secret tls (\S+) --cert=\S+ --key=\S+", text)}
    read: dict[str, set[str]] = {"otel-gateway-tokens": {"clients", "peers"}}
    for pod in pods(kustomized(project)):
        for volume in pod["volumes"]:
            if "secret" in volume:
                read.setdefault(volume["secret"]["secretName"], set())
        for one in containers(pod):
            for variable in one["env"]:
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    reference = variable["valueFrom"]["secretKeyRef"]
                    assert not reference.get("optional")
                    read.setdefault(reference["name"], set()).add(reference["key"])
    del read["otel-gateway-tls"]
    assert made == read


def test_gateways_can_be_rolled_out_last(pipelines: Rendered) -> None:
    """The label that the README leaves out at first is on every object of the gateways, and on no other."""
    assert "kubectl apply -k . -l app.kubernetes.io/name!=otel-gateway" in (pipelines() / "README.md").read_text()
    labelled = set()
    for item in kustomized(pipelines()):
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "otel-gateway":
            labelled.add((item["kind"], item["metadata"]["name"]))
    gateway = {(kind, "otel-gateway") for kind in ("Deployment", "Service", "HorizontalPodAutoscaler")}
    gateway |= {(kind, "otel-gateway") for kind in ("PodDisruptionBudget", "NetworkPolicy")}
    assert labelled == gateway | {("Service", "otel-gateway-peers")}


def allowed(objects: Objects, target: dict[str, str], port: int, source: dict[str, str], namespace: str) -> bool:
    """Tell whether a pod of these labels, in this namespace, reaches a port of a pod of the pipeline."""
    policies = [
        item["spec"]
        for item in objects
        if item["kind"] == "NetworkPolicy" and item["spec"]["podSelector"]["matchLabels"].items() <= target.items()
    ]
    assert policies
    assert all(policy["policyTypes"] == ["Ingress"] for policy in policies)

    def matches(peer: dict[str, Any]) -> bool:
        assert peer.keys() <= {"namespaceSelector", "podSelector"}
        inside = peer.get("namespaceSelector") == {} or namespace == "observability"
        return inside and peer["podSelector"]["matchLabels"].items() <= source.items()

    rules = [rule for policy in policies for rule in policy["ingress"] if {"port": port} in rule["ports"]]
    return any("from" not in rule or any(map(matches, rule["from"])) for rule in rules)


def test_who_reaches_what(rendered: Rendered, pipelines: Rendered, tmp_path: Path) -> None:
    """Gateways reach 4319, and nobody else; services with the component node-agent reach agents, and no other pod."""
    objects = kustomized(pipelines())
    agent, gateway = (pod_of(objects, name)["metadata"]["labels"] for name in ("otel-agent", "otel-gateway"))
    overlays = {component: overlay(rendered(), "production", component, tmp_path) for component in COMPONENTS}
    services = {name: pod_of(found, "payment-service")["metadata"]["labels"] for name, found in overlays.items()}
    pretender = gateway | services["node-agent"]  # in a namespace of its own
    for port in (4317, 4318):
        reach = {c: allowed(objects, agent, port, source, "shop") for c, source in services.items()}
        assert reach == {"gateway": False, "node-agent": True, "sidecar": False}
        assert all(allowed(objects, gateway, port, source, "shop") for source in services.values())
        assert allowed(objects, gateway, port, agent, "observability")
    assert allowed(objects, gateway, 4319, gateway, "observability")
    assert not allowed(objects, gateway, 4319, agent, "observability")
    assert not allowed(objects, gateway, 4319, pretender, "shop")
    for target in (agent, gateway):
        assert allowed(objects, target, 8888, {}, "monitoring")
        assert not allowed(objects, target, 13133, {}, "monitoring")


def test_queues_fit_into_their_volumes(rendered: Rendered, pipelines: Rendered, tmp_path: Path) -> None:
    """Three signals' queues, and a copy of one while it is compacted, are smaller than the volume; a start waits."""
    sidecar = next(pods(overlay(rendered(), "production", "sidecar", tmp_path)))
    pipeline = kustomized(pipelines())
    agent, gateway = (pod_of(pipeline, name)["spec"] for name in ("otel-agent", "otel-gateway"))
    places = {
        "sidecar": (sidecar, "initContainers"),
        "agent": (agent, "containers"),
        "gateway": (gateway, "containers"),
    }
    for place, (pod, kind) in places.items():
        collector = container(pod[kind], "gateway" if place == "gateway" else "agent")
        (configuration,) = [a.rpartition("/")[2] for a in collector["args"]]
        text = (pipelines() / "collector" / configuration).read_text()
        (default,) = re.findall(r"\$\{env:QUEUE_BYTES:-(\d+)\}", text)
        queue = int(environment(pod[kind], collector["name"]).get("QUEUE_BYTES", default))
        (size,) = [v["emptyDir"]["sizeLimit"] for v in pod["volumes"] if v["name"] in {"queue", "otel-queue"}]
        assert 7 * queue < int(size.removesuffix("Gi")) * 2**30, place  # each byte takes up to 1.6 bytes of disk
        assert collector["startupProbe"]["failureThreshold"] * collector["startupProbe"]["periodSeconds"] >= 60
