"""Reads the variables that each target gives to a gateway."""

import re
from pathlib import Path

from ..manifests.kubernetes import environment, pod_of
from ..manifests.manifests import kustomized

AUTHORIZATION = "/etc/otelcol-gateway/authorization"


def environment_file(project: Path) -> dict[str, str]:
    """Return the variables in the environment file of a gateway's unit."""
    lines = (project / "gateway.environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def gateway_variables(project: Path, target: str) -> dict[str, str]:
    """Return all variables of a gateway; what comes from a Secret or a secret file is `<secret>`."""
    if target == "systemd":
        variables = environment_file(project)
        if f"EnvironmentFile={AUTHORIZATION}\n" in (project / "otel-gateway.service").read_text():
            (name,) = re.findall(rf"{AUTHORIZATION} +# then write (\w+)=", (project / "README.md").read_text())
            variables[name] = "<secret>"
        return variables
    objects = kustomized(project)
    pod = pod_of(objects, "otel-gateway")["spec"]
    (source,) = pod["containers"][0]["envFrom"]
    data: dict[str, str]
    (data,) = [item["data"] for item in objects if item["metadata"]["name"] == source["configMapRef"]["name"]]
    own = environment(pod["containers"], "gateway")
    return data | {name: value if isinstance(value, str) else "<secret>" for name, value in own.items()}
