"""The services that are compared: the same routes, the same server, the same log lines.

- `ours`: the generated service;
- `plain`: the same package without telemetry. FastAPI still imports the OpenTelemetry API, and nothing imports its SDK;
- `zero_code`: `plain` under `opentelemetry-instrument`, with the instrumentations for the libraries it uses;
- `guide`, gRPC only: alternatives/guide.py;
- `fastapi`, HTTP only: FastAPI's own `FASTAPI_OTEL_AUTO_CONFIGURE=true`, which refuses gRPC;
- `logfire`, HTTP only: alternatives/logfire.py, because logfire exports nothing over gRPC.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.harness.receiver import Receiver
from tests.harness.service import Service, clean_environment, install, render

Transport = Literal["grpc", "http"]
SLUG, PACKAGE = "payment-service", "payment_service"
ALTERNATIVES = Path(__file__).with_name("alternatives")
COMPARED: dict[Transport, tuple[str, ...]] = {
    "grpc": ("plain", "ours", "zero_code", "guide"),
    "http": ("plain", "ours", "zero_code", "fastapi", "logfire"),
}

# Of what `opentelemetry-bootstrap` asks for here, what a request or a log line of this service passes through.
ZERO_CODE = ("distro", "instrumentation-fastapi", "instrumentation-httpx", "instrumentation-logging")
UNTRACED = {"OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "healthz,readyz"}
# What the service needs without telemetry, and what each alternative's own pages tell to install.
SERVICE = ("fastapi", "uvicorn[standard]")
PACKAGES = {
    "guide": (
        "opentelemetry-sdk",
        "opentelemetry-exporter-otlp-proto-grpc",
        "opentelemetry-instrumentation-fastapi",
    ),
    "fastapi": ("fastapi[opentelemetry]",),
    "logfire": ("logfire[fastapi]",),
}
VARIABLES = {"fastapi": {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", "OTEL_SERVICE_NAME": SLUG}}
MODULES = {"fastapi": "plain"}  # the environment configures it, and no code
SPANS = {"guide": 5, "fastapi": 2, "logfire": 2}
# Lines of the template's app.py that alternatives do not have: they turn FastAPI's own exporters off, whatever the
# environment says, and add a middleware of telemetry/.
OURS_ALONE = (
    '        "auto_configure": False,\n',
    '        "logs": False,\n',
    "app.add_middleware(telemetry.RecordExceptions, expected=(WebSocketDisconnect,))\n",
)


@dataclass(frozen=True)
class Variant:
    """Says how to start one of the compared services, and how many spans a POST to it makes."""

    name: str
    project: Path
    spans: int
    command: tuple[str, ...] = (SLUG,)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.project / ".venv" / "bin" / "python"

    def environment(self, receiver: Receiver, **variables: str) -> dict[str, str]:
        """Return the variables that make it export to the receiver."""
        protocol = {"grpc": "grpc", "http": "http/protobuf"}[receiver.protocol]
        target = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        return self.variables | target | variables

    def service(self, receiver: Receiver, ready: str | None = "/healthz", **variables: str) -> Service:
        """Return the service, not started, exporting to the receiver; a start waits for `ready`, if given."""
        return Service(self.project, *self.command, ready=ready, **self.environment(receiver, **variables))

    def versions(self) -> dict[str, str]:
        """Return the version of each installed package, by name."""
        lines = _uv("pip", "freeze", "--python", str(self.python)).splitlines()
        return dict(line.split("==") for line in lines if "==" in line)


def build(
    into: Path, transport: Transport, names: Iterable[str] = ("ours", "plain", "zero_code")
) -> dict[str, Variant]:
    """Render and install the named services below `into`."""
    ours = install(render(into, project_slug=SLUG, package_name=PACKAGE, otlp_protocol=transport))
    # What several services install is of the same version in all.
    shared = into / "constraints.txt"
    installed = _uv("pip", "freeze", "--python", str(ours / ".venv" / "bin" / "python")).splitlines()
    shared.write_text("\n".join(line for line in installed if "==" in line))

    built = {}
    for name in names:
        if name == "ours":
            built[name] = Variant(name, ours, 2)
        elif name == "plain":
            built[name] = Variant(name, ours, 0, variables=_package(ours, into, name))
        elif name == "zero_code":
            built[name] = _zero_code(ours, into, shared)
        else:
            built[name] = _alternative(name, ours, into, shared)
    return built


def _zero_code(ours: Path, into: Path, shared: Path) -> Variant:
    project = into / "zero_code"
    _install(project, shared, str(ours), *(f"opentelemetry-{part}" for part in ZERO_CODE))
    command = ("opentelemetry-instrument", str(project / ".venv" / "bin" / SLUG))
    return Variant("zero_code", project, 5, command, _package(ours, into, "plain") | UNTRACED)


def _alternative(name: str, ours: Path, into: Path, shared: Path) -> Variant:
    project = into / name
    _install(project, shared, *SERVICE, *PACKAGES[name])
    variables = _package(ours, into, MODULES.get(name, name)) | VARIABLES.get(name, {})
    return Variant(name, project, SPANS[name], ("python", "-m", PACKAGE), variables)


def _package(ours: Path, into: Path, module: str) -> dict[str, str]:
    """Copy the service's package with another telemetry/; return the variable that puts it first."""
    path = into / "packages" / module
    if not path.exists():
        package = path / PACKAGE
        shutil.copytree(ours / "src" / PACKAGE, package)
        shutil.rmtree(package / "telemetry")
        shutil.copytree(ALTERNATIVES, package / "telemetry")
        names = "configure, instrument, report, shutdown"
        (package / "telemetry" / "__init__.py").write_text(f"from .{module} import {names}\n")
        app = (package / "app.py").read_text()
        for line in OURS_ALONE:
            if line not in app:
                raise RuntimeError(f"app.py has no line {line!r}: change OURS_ALONE in variants.py")
            app = app.replace(line, "")
        (package / "app.py").write_text(f"{app}\n\ntelemetry.instrument(app)\n")
    return {"PYTHONPATH": str(path)}


def _install(project: Path, shared: Path, *packages: str) -> None:
    """Make an environment below the project, with these packages."""
    environment = project / ".venv"
    _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    python = str(environment / "bin" / "python")
    _uv("pip", "install", "--quiet", "--python", python, "--constraint", str(shared), *packages)


def _uv(*arguments: str) -> str:
    """Run uv and return what it printed; raise RuntimeError with uv's words if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        check=False,
        env=clean_environment(proxies=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(arguments[:2])} failed:\n{done.stdout}")
    return done.stdout
