"""Kubernetes: every overlay with every component is valid, safe, and consistent in itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import ROOT
from .kubernetes import Objects, dangling, pods, unrestricted, valid
from .manifests import kustomized, one, overlay
from .table import COMPONENTS, DEPLOYED, FRAMEWORKS, WEB

Rendered = Callable[..., Path]


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
