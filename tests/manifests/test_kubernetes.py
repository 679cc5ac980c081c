"""Kubernetes: every overlay with every component is valid, safe, and consistent in itself."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import ROOT
from ..rendered.tools import judge
from .manifests import container, kustomized, one, overlay
from .table import COMPONENTS, DEPLOYED, FRAMEWORKS, WEB

Rendered = Callable[..., Path]
Objects = list[dict[str, Any]]

# Written by nobody here: a cluster has them, or its user makes them.
FROM_OUTSIDE = {"otel-gateway-ca", "otel-gateway-tls", "otel-gateway-backend", "otel-gateway-tokens"}
VALIDATE = "kubernetes-validate --strict -k 1.37"


def valid(objects: Objects, scratch: Path) -> bool:
    """Tell whether every object is one that Kubernetes takes, without a field that it does not know."""
    (scratch / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    done = judge(scratch, f"{VALIDATE} objects.yaml")
    assert done.returncode == 0 or "objects.yaml" in done.stdout + done.stderr
    return done.returncode == 0


def pods(objects: Objects) -> Iterator[dict[str, Any]]:
    """Yield the specification of each pod, as a workload's template writes it."""
    for item in objects:
        if item["kind"] in {"Deployment", "DaemonSet"}:
            yield item["spec"]["template"]["spec"]


def pod_of(objects: Objects, name: str) -> dict[str, Any]:
    """Return the template of a workload's pods."""
    kinds = {"Deployment", "DaemonSet"}
    (found,) = [item for item in objects if item["kind"] in kinds and item["metadata"]["name"] == name]
    template: dict[str, Any] = found["spec"]["template"]
    return template


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod, those that come first included."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def unrestricted(pod: dict[str, Any]) -> list[str]:
    """Return what the restricted pod security standard would refuse, and the root file system's being writable."""
    found = []
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True:
        found.append("runAsNonRoot")
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        found.append("seccompProfile")
    found += [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    found += [v["name"] for v in pod.get("volumes", ()) if not v.keys() & {"emptyDir", "configMap", "secret"}]
    for item in containers(pod):
        own = item.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        found += [f"{item['name']}: {name}" for name, value in wanted.items() if own.get(name) != value]
        found += [f"{item['name']}: hostPort" for port in item.get("ports", ()) if "hostPort" in port]
    return found


def dangling(objects: Objects) -> set[str]:
    """Return the names that are referred to, and are neither here nor expected from outside."""
    named: set[str] = set()
    for pod in pods(objects):
        for volume in pod.get("volumes", ()):
            named |= {volume["configMap"]["name"]} if "configMap" in volume else set()
            named |= {volume["secret"]["secretName"]} if "secret" in volume else set()
        for item in containers(pod):
            named |= {source["configMapRef"]["name"] for source in item.get("envFrom", ())}
            assert {mount["name"] for mount in item.get("volumeMounts", ())} <= {v["name"] for v in pod["volumes"]}
    here = {item["metadata"]["name"] for item in objects if item["kind"] in {"ConfigMap", "Secret"}}
    assert here <= named
    return named - here - FROM_OUTSIDE


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Any:
    """Name each framework in turn."""
    return request.param


@pytest.fixture(params=[(e, c) for e in DEPLOYED for c in COMPONENTS], ids="-".join)
def objects(request: pytest.FixtureRequest, framework: str, rendered: Rendered, tmp_path: Path) -> Objects:
    """Return what each overlay makes with each component."""
    environment, component = request.param
    return overlay(rendered(framework=framework), environment, component, tmp_path)


@pytest.mark.slow
def test_an_overlay_is_valid_and_safe(objects: Objects, framework: str, tmp_path: Path) -> None:
    """Kubernetes knows every field, restricted pod security refuses nothing, and what is referred to is there."""
    assert valid(objects, tmp_path)
    assert [problem for pod in pods(objects) for problem in unrestricted(pod)] == []
    assert dangling(objects) == set()
    kinds = {"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert {item["kind"] for item in objects} == kinds | ({"Service"} if framework in WEB else set())


@pytest.mark.slow
def test_the_parts_fit_each_other(objects: Objects, framework: str) -> None:
    """Autoscaler, budget and Service mean the one Deployment, which leaves the number of pods to the autoscaler."""
    deployment = one(objects, "Deployment")
    template, labels = deployment["spec"]["template"], deployment["spec"]["template"]["metadata"]["labels"]
    assert "replicas" not in deployment["spec"]
    target = one(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
    selectors = [deployment["spec"]["selector"], one(objects, "PodDisruptionBudget")["spec"]["selector"]]
    assert all(s["matchLabels"].items() <= labels.items() for s in selectors)
    service = template["spec"]["containers"][0]
    assert service["resources"].keys() == {"requests", "limits"}
    probes = {name: probe["httpGet"]["path"] for name, probe in service.items() if name.endswith("Probe")}
    if framework not in WEB:
        assert (probes, service.get("ports"), service.get("lifecycle")) == ({}, None, None)
        return
    assert probes == {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
    assert service["ports"] == [{"name": "http", "containerPort": 8000}]
    network = one(objects, "Service")["spec"]
    assert network["selector"].items() <= labels.items()
    assert network["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


def test_the_overlays_differ_in_little(rendered: Rendered, tmp_path: Path) -> None:
    """Staging is production with a label of its own and fewer pods."""
    found = [overlay(rendered(), environment, "gateway", tmp_path) for environment in DEPLOYED]
    scales = [one(objects, "HorizontalPodAutoscaler")["spec"] for objects in found]
    assert [(s.pop("minReplicas"), s.pop("maxReplicas")) for s in scales] == [(1, 2), (2, 10)]
    as_text = [yaml.safe_dump_all(objects) for objects in found]
    assert as_text[0].replace("environment: staging", "environment: production") == as_text[1]


def test_the_pipeline_is_valid_and_safe(rendered: Rendered, tmp_path: Path) -> None:
    """The agents and gateways of a cluster are valid and restricted, and ask for configurations that are there."""
    objects = kustomized(rendered() / "deploy" / "pipeline")
    assert valid(objects, tmp_path)
    assert [problem for pod in pods(objects) for problem in unrestricted(pod)] == []
    assert dangling(objects) == set()
    assert {item["metadata"].get("namespace", "observability") for item in objects} == {"observability"}
    configurations = next(i["data"] for i in objects if i["metadata"]["name"].startswith("otel-collector-"))
    assert configurations.keys() == {"agent.yaml", "gateway.yaml"}
    (agent,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == ("Service", "otel-agent")]
    assert agent["spec"]["internalTrafficPolicy"] == "Local"  # its plaintext never leaves the node


def environment(containers: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the value, or where it comes from, of each variable of a container."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(containers, name)["env"]}


def secret(optional: bool) -> dict[str, Any]:
    """Return a reference to the token that agents and services show to gateways."""
    reference = {"name": "otel-gateway-token", "key": "token"}
    return {"secretKeyRef": reference | {"optional": True} if optional else reference}


def test_every_hop_to_a_gateway_has_its_token(rendered: Rendered, tmp_path: Path) -> None:
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
    pipeline = kustomized(rendered() / "deploy" / "pipeline")
    agent, gateway = (pod_of(pipeline, name)["spec"] for name in ("otel-agent", "otel-gateway"))
    assert environment(agent["containers"], "agent")["GATEWAY_TOKEN"] == secret(optional=False)
    assert {"name": "otel-gateway-tokens", "secret": {"secretName": "otel-gateway-tokens"}} in gateway["volumes"]
    variables = environment(gateway["containers"], "gateway")
    assert variables["CLIENT_TOKENS_FILE"] == "/etc/otel-gateway-tokens/clients"
    assert variables["PEERS_TOKENS_FILE"] == "/etc/otel-gateway-tokens/peers"
    mounts = {m["name"]: m for m in container(gateway["containers"], "gateway")["volumeMounts"]}
    assert mounts["otel-gateway-tokens"]["mountPath"] == "/etc/otel-gateway-tokens"


def test_the_readme_makes_every_secret(rendered: Rendered) -> None:
    """It has a command for each Secret of a token, with the keys that manifests read."""
    text = (rendered() / "deploy/README.md").read_text()
    made = dict(re.findall(r"create secret generic (otel-gateway-tokens?) ((?:--from-literal=\S+ ?)+)", text))
    keys = {name: re.findall(r"--from-literal=(\w+)=", literals) for name, literals in made.items()}
    assert keys == {"otel-gateway-token": ["token"], "otel-gateway-tokens": ["clients", "peers"]}


def test_gateways_can_be_rolled_out_last(rendered: Rendered) -> None:
    """The label that the README leaves out at first is on every object of the gateways, and on no other."""
    assert "-l app.kubernetes.io/name!=otel-gateway" in (rendered() / "deploy/README.md").read_text()
    labelled = set()
    for item in kustomized(rendered() / "deploy" / "pipeline"):
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


def test_who_reaches_what(rendered: Rendered, tmp_path: Path) -> None:
    """Gateways reach 4319, and nobody else; services with the component node-agent reach agents, and no other pod."""
    objects = kustomized(rendered() / "deploy" / "pipeline")
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


def test_queues_fit_into_their_volumes(rendered: Rendered, tmp_path: Path) -> None:
    """Three signals' queues, and a copy of one while it is compacted, are smaller than the volume; a start waits."""
    sidecar = next(pods(overlay(rendered(), "production", "sidecar", tmp_path)))
    pipeline = kustomized(rendered() / "deploy" / "pipeline")
    agent, gateway = (pod_of(pipeline, name)["spec"] for name in ("otel-agent", "otel-gateway"))
    places = {
        "sidecar": (sidecar, "initContainers"),
        "agent": (agent, "containers"),
        "gateway": (gateway, "containers"),
    }
    for place, (pod, kind) in places.items():
        collector = container(pod[kind], "gateway" if place == "gateway" else "agent")
        (configuration,) = [a.rpartition("/")[2] for a in collector["args"]]
        text = (rendered() / "deploy/collector" / configuration).read_text()
        (default,) = re.findall(r"\$\{env:QUEUE_BYTES:-(\d+)\}", text)
        queue = int(environment(pod[kind], collector["name"]).get("QUEUE_BYTES", default))
        (size,) = [v["emptyDir"]["sizeLimit"] for v in pod["volumes"] if v["name"] in {"queue", "otel-queue"}]
        assert 7 * queue < int(size.removesuffix("Gi")) * 2**30, place  # each byte takes up to 1.6 bytes of disk
        assert collector["startupProbe"]["failureThreshold"] * collector["startupProbe"]["periodSeconds"] >= 60


@pytest.mark.slow
def test_a_mistake_is_found(cookies: Any, tmp_path: Path) -> None:
    """A misspelt field, a container that may be root and a missing ConfigMap are told, each by its own check."""
    project = cookies.bake().project_path
    file = project / "deploy/base/deployment.yaml"
    text = file.read_text()

    def with_mistake(old: str, new: str) -> Objects:
        assert old in text
        file.write_text(text.replace(old, new))
        return kustomized(project / "deploy/overlays/production")

    assert not valid(with_mistake("readinessProbe:", "readynessProbe:"), tmp_path)
    (pod,) = pods(with_mistake("runAsNonRoot: true", "runAsNonRoot: false"))
    assert unrestricted(pod) == ["runAsNonRoot"]
    (project / "deploy/components/gateway/deployment.yaml").write_text(
        (project / "deploy/components/gateway/deployment.yaml")
        .read_text()
        .replace("            name: otel-gateway-ca", "            name: ca")
    )
    assert dangling(with_mistake("", "")) == {"ca"}


def test_one_room_for_each_topology() -> None:
    """The README's table of components names each that there is."""
    room = ROOT / "{{cookiecutter.project_slug}}/options/deployment/kubernetes/deploy"
    assert {path.name for path in (room / "components").iterdir()} == set(COMPONENTS)
    assert all(f"| `{component}` |" in (room / "README.md").read_text() for component in COMPONENTS)
