"""Judges Kubernetes objects: whether they are valid, safe, and refer to what is there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..rendered.tools import judge
from .manifests import container

Objects = list[dict[str, Any]]

# Objects that the manifests do not hold: the cluster has them, or its user makes them.
FROM_OUTSIDE = {
    "otel-gateway-ca",
    "otel-gateway-tls",
    "otel-gateway-backend",
    "otel-gateway-backend-tls",
    "otel-gateway-tokens",
}
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


def environment(containers: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the value, or where it comes from, of each variable of a container."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(containers, name)["env"]}


def secret(optional: bool) -> dict[str, Any]:
    """Return a reference to the token that agents and services show to gateways."""
    reference = {"name": "otel-gateway-token", "key": "token"}
    return {"secretKeyRef": reference | {"optional": True} if optional else reference}
