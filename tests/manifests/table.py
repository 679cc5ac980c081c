"""The table of the environment, templates/environment.jinja, and what it makes of each target."""

import json
from functools import cache
from itertools import product
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..conftest import ROOT

ANSWERS = json.loads((ROOT / "cookiecutter.json").read_text())
FRAMEWORKS: list[str] = ANSWERS["framework"]
PROTOCOLS: list[str] = ANSWERS["otlp_protocol"]
WEB = {"fastapi", "flask"}
DEPLOYED = ("staging", "production")
COMPONENTS = ("gateway", "node-agent", "sidecar")
# Where a service can run: the deployment, its environment, and on Kubernetes the component that says where to send.
PLACES = [
    *(("kubernetes", environment, component) for environment, component in product(DEPLOYED, COMPONENTS)),
    *((deployment, environment, deployment) for deployment, environment in product(("ecs", "systemd"), DEPLOYED)),
    ("compose", "development", "compose"),
]


@cache
def table(framework: str, protocol: str) -> Any:
    """Return the module that manifests import, for these answers."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"), undefined=StrictUndefined, line_statement_prefix="#%"
    )
    answers = {"framework": framework, "otlp_protocol": protocol}
    return environment.get_template("environment.jinja").make_module({"cookiecutter": answers})


def telemetry(framework: str, protocol: str, deployment: str, environment: str, first: str) -> dict[str, str]:
    """Return the OTEL_* variables that the table gives to a service in this place."""
    rows = table(framework, protocol)
    variables = {row["name"]: str(rows.value(row, environment)) for row in rows.everywhere}
    variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = rows.endpoints[first]
    if first in rows.certificates:
        variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = rows.certificates[first]
    if first in rows.headers:
        variables["OTEL_EXPORTER_OTLP_HEADERS"] = rows.headers[first].replace("$(GATEWAY_TOKEN)", "<secret>")
    if deployment == "kubernetes":
        told = [f"{row['attribute']}=<{row['field']}>" for row in rows.pod]
        variables["OTEL_RESOURCE_ATTRIBUTES"] = ",".join([variables["OTEL_RESOURCE_ATTRIBUTES"], *told])
    return variables
