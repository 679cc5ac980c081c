"""The three services that are compared: the same routes, the same server, the same log lines.

- `ours`, the generated service;
- `plain`, the same package with telemetry/ replaced by PLAIN: FastAPI still imports the OpenTelemetry API, and
  nothing imports its SDK;
- `zero_code`, `plain` under `opentelemetry-instrument`, with the instrumentations for the libraries it uses.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.harness.receiver import Receiver
from tests.harness.service import Service, clean_environment, install, render

Transport = Literal["grpc", "http"]
SLUG, PACKAGE = "payment-service", "payment_service"

# telemetry/__init__.py of a service that has no telemetry, only its log lines; app.py and the rest stay as they are.
PLAIN = '''
"""The public functions of the real telemetry/, without telemetry."""

import logging
import sys


def configure() -> None:
    """Send log lines to standard output, and nothing else."""
    report()


def report() -> None:
    """Send the root logger's lines, from INFO on, to standard output, in the format of the real service."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def shutdown() -> None:
    """Do nothing."""
'''

# Of what `opentelemetry-bootstrap` asks for here, what a request or a log line of this service passes through.
ZERO_CODE = ("distro", "instrumentation-fastapi", "instrumentation-httpx", "instrumentation-logging")
UNTRACED = {"OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "healthz,readyz"}


@dataclass(frozen=True)
class Variant:
    """Says how to start one of the compared services, and how many spans a POST to it makes."""

    name: str
    project: Path
    spans: int
    command: tuple[str, ...] = (SLUG,)
    variables: dict[str, str] = field(default_factory=dict)

    def service(self, receiver: Receiver, ready: str | None = "/healthz", **variables: str) -> Service:
        """Return the service, not started, exporting to the receiver; a start waits for `ready`, if given."""
        protocol = {"grpc": "grpc", "http": "http/protobuf"}[receiver.protocol]
        target = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }
        return Service(self.project, *self.command, ready=ready, **(self.variables | target | variables))


def build(into: Path, transport: Transport) -> dict[str, Variant]:
    """Render and install the services below `into`."""
    ours = install(render(into, project_slug=SLUG, package_name=PACKAGE, otlp_protocol=transport))

    plain = into / "plain"
    shutil.copytree(ours / "src", plain)
    telemetry = plain / PACKAGE / "telemetry"
    shutil.rmtree(telemetry)
    telemetry.mkdir()
    (telemetry / "__init__.py").write_text(PLAIN.lstrip())
    instead = {"PYTHONPATH": str(plain)}  # comes before the package that is installed

    agent = into / "agent"
    _uv("venv", "--python", sys.executable, f"{agent / '.venv'}")
    _uv("pip", "install", "--python", f"{agent / '.venv'}", f"{ours}", *(f"opentelemetry-{part}" for part in ZERO_CODE))

    command = ("opentelemetry-instrument", str(agent / ".venv" / "bin" / SLUG))
    return {
        "ours": Variant("ours", ours, 2),
        "plain": Variant("plain", ours, 0, variables=instead),
        "zero_code": Variant("zero_code", agent, 5, command, instead | UNTRACED),
    }


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments, "--quiet"],
        check=False,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"uv {arguments[0]} failed:\n{done.stdout}")
