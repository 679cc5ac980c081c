"""Dependencies: a service declares what its code imports, and nothing that nothing needs."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from ..conftest import ROOT, Projects

ANSWERS = json.loads((ROOT / "cookiecutter.json").read_text())
KINDS = [*product(ANSWERS["framework"], ANSWERS["otlp_protocol"])]

# The distribution that holds a module: the longest name that fits. All others are called as what is imported.
DISTRIBUTIONS = {
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "grpc": "grpcio",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter.otlp.proto.common": "opentelemetry-exporter-otlp-proto-common",
    "opentelemetry.exporter.otlp.proto.grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.instrumentation": "opentelemetry-instrumentation",
    "opentelemetry.instrumentation.flask": "opentelemetry-instrumentation-flask",
    "opentelemetry.instrumentation.logging": "opentelemetry-instrumentation-logging",
    "opentelemetry.processor.baggage": "opentelemetry-processor-baggage",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.semconv": "opentelemetry-semantic-conventions",
    "opentelemetry.util.http": "opentelemetry-util-http",
    "pythonjsonlogger": "python-json-logger",
}
INSTRUMENTATION = "opentelemetry-instrumentation-"


def imported(project: Path) -> Iterator[str]:
    """Yield the modules outside of the standard library that src/ imports, also by import_module()."""
    for path in project.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                names = [str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant)]
            yield from (name for name in names if name.partition(".")[0] not in sys.stdlib_module_names)


def distribution(module: str) -> str:
    """Return the distribution that holds a module, by the table."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((DISTRIBUTIONS[name] for name in names if name in DISTRIBUTIONS), parts[0])


def declared(project: Path) -> set[str]:
    """Return the names of the distributions that the service depends on."""
    dependencies = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[^\w.-]", requirement)[0] for requirement in dependencies]
    assert len(names) == len(set(names))
    return set(names)


def loaded(names: set[str]) -> set[str]:
    """Return those of the distributions that are used without an import.

    Instrumentations are found by their entry points; each comes with the library that it is for, if that is one.
    """
    found = {name for name in names if name.startswith(INSTRUMENTATION)}
    return found | ({name.removeprefix(INSTRUMENTATION) for name in found} & names)


@pytest.mark.parametrize(("framework", "protocol"), KINDS)
def test_what_is_imported_is_declared_and_the_reverse(
    framework: str, protocol: str, rendered: Callable[..., Path]
) -> None:
    """pyproject.toml has each distribution that src/ imports from, and no other but instrumentations."""
    project = rendered(framework=framework, otlp_protocol=protocol)
    needed = {distribution(module) for module in imported(project)}
    assert {"opentelemetry-sdk", "wrapt"} <= needed
    names = declared(project)
    assert needed - names == set()
    assert names - needed - loaded(names) == set()


@pytest.mark.parametrize(("framework", "protocol"), KINDS)
def test_the_lines_of_opentelemetry_move_together(framework: str, protocol: str, rendered: Callable[..., Path]) -> None:
    """Each range of OpenTelemetry's is that of the core line or of the contrib line, the same for all of its line."""
    text = (rendered(framework=framework, otlp_protocol=protocol) / "pyproject.toml").read_text()
    ranges = dict(re.findall(r'"(opentelemetry-[\w-]+)([^"]+)"', text))
    core = {"opentelemetry-api", "opentelemetry-sdk", "opentelemetry-proto"}
    core |= {name for name in ranges if name.startswith("opentelemetry-exporter-otlp-proto-")}
    assert len({ranges[name] for name in core}) == 1
    assert len({ranges[name] for name in ranges.keys() - core}) == 1


# Prints, for each module that it is given, the distribution that has its file. A name in a module counts as the module.
OWNERS = """
import json, sys
from importlib.metadata import distributions
files = {}
for distribution in distributions():
    for file in distribution.files or ():
        place = str(file).partition(".")[0].removesuffix("/__init__")
        files.setdefault(place, distribution.metadata["Name"].lower().replace("_", "-"))
owners = {}
for module in json.load(sys.stdin):
    place = module.replace(".", "/")
    while place not in files:
        place = place.rpartition("/")[0]
    owners[module] = files[place]
print(json.dumps(owners))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "protocol"), KINDS)
def test_the_table_says_what_is_installed(framework: str, protocol: str, projects: Projects) -> None:
    """Each module that a service imports is a file of the distribution that the table names."""
    project = projects(protocol, framework)
    modules = sorted(set(imported(project)))
    owners = subprocess.run(
        [project / ".venv/bin/python", "-c", OWNERS],
        input=json.dumps(modules),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(owners.stdout) == {module: distribution(module) for module in modules}
