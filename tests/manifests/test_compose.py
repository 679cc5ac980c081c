"""Compose: a project that its schema takes, whose parts exist, and that nobody else on the network can reach."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..rendered.tools import judge
from .manifests import compose_file
from .table import FRAMEWORKS, WEB

SCHEMA = "check-jsonschema --builtin-schema vendor.compose-spec compose.yaml"


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Any:
    """Name each framework in turn."""
    return request.param


def test_it_is_valid(framework: str, rendered: Callable[..., Path]) -> None:
    """The Compose specification's schema has nothing against it."""
    done = judge(rendered(framework=framework, deployment="compose") / "deploy", SCHEMA)
    assert done.returncode == 0, done.stdout


def test_a_mistake_is_found(rendered: Callable[..., Path], tmp_path: Path) -> None:
    """A misspelt key does not pass."""
    composed = compose_file(rendered(deployment="compose"))
    composed["services"]["service"]["depend_on"] = ["agent"]
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(composed))
    assert judge(tmp_path, SCHEMA).returncode != 0


def test_its_parts_exist(framework: str, rendered: Callable[..., Path]) -> None:
    """What a service waits for, mounts or builds from is there; the agent ends after it; the service is restarted."""
    project = rendered(framework=framework, deployment="compose")
    services = compose_file(project)["services"]
    assert services.keys() == {"service", "agent", "jaeger"} | (set() if framework in WEB else {"redis"})
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        for volume in service.get("volumes", ()):
            assert (project / "deploy" / volume.split(":")[0]).is_file()
    assert "agent" in services["service"]["depends_on"]
    assert services["service"]["restart"] == "unless-stopped"
    assert (project / "deploy" / services["service"]["build"]["context"] / "Dockerfile").is_file()


def test_only_this_machine_reaches_it(framework: str, rendered: Callable[..., Path]) -> None:
    """Ports are published on loopback: the service's, if it has one, and Jaeger's."""
    services = compose_file(rendered(framework=framework, deployment="compose"))["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    web = {"service": ["127.0.0.1:8000:8000"]} if framework in WEB else {}
    assert ports == web | {"jaeger": ["127.0.0.1:16686:16686"]}
