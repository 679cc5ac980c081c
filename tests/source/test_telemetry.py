"""telemetry/ stays small, public and free of settings of its own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from . import template

# Upstream's own entry points, although they begin with an underscore.
ENTRY_POINTS = {"_logs", "_log_exporter", "_incubating"}


def sources() -> list[Path]:
    """Return the files that may use no private name: telemetry/ and the tests of the service."""
    return template.python(template.TELEMETRY) + template.python("tests/")


def private_imports(path: Path) -> Iterator[str]:
    """Yield the names that a file imports from OpenTelemetry by way of something private."""
    for level, name in template.imports(path):
        parts = name.split(".")
        if not level and parts[0] == "opentelemetry" and any(p[0] == "_" and p not in ENTRY_POINTS for p in parts):
            yield name


def private_accesses(path: Path, ours: set[str]) -> Iterator[str]:
    """Yield the private attributes that a file reads or writes, or names in a string, and that are not `ours`."""
    for node in ast.walk(template.tree(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            continue  # os._exit is the standard library's, and public
        if isinstance(node, ast.Attribute) and re.match(r"_(?!_.*__$)", node.attr):
            yield from {node.attr} - ours - ENTRY_POINTS
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in re.findall(r"\bopentelemetry(?:\.\w+)+", node.value):
                yield from {part for part in name.split(".") if part[0] == "_"} - ENTRY_POINTS
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "setattr", "patch.object")):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from {name for name in names if re.match(r"_(?!_.*__$)", name)} - ours


def defined(path: Path) -> set[str]:
    """Return the names that a file gives to its own functions, variables and attributes of self."""
    names: set[str] = set()
    for node in ast.walk(template.tree(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            names.add(node.attr)
    return names


def test_no_private_name_is_imported() -> None:
    """OpenTelemetry's private names may go in any release: nothing imports one."""
    assert {template.place(path): names for path in sources() if (names := [*private_imports(path)])} == {}


def test_no_private_name_is_accessed() -> None:
    """Nothing reads, writes, patches or names a private attribute but those that telemetry/ and its tests define."""
    ours = set().union(*map(defined, sources()))
    assert any(name[0] == "_" for name in ours)
    assert {template.place(path): names for path in sources() if (names := [*private_accesses(path, ours)])} == {}


def test_functions_fit_on_a_screen() -> None:
    """No function in telemetry/ is longer than 60 lines."""
    lengths = {
        f"{template.place(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in template.python(template.TELEMETRY)
        for node in ast.walk(template.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_only_deploy_names_an_endpoint() -> None:
    """In code an endpoint stands only in telemetry/settings/protocol.py, as the specification's default."""
    elsewhere = ("deploy/", "tests/", ".github/", "README.md")
    found = {
        template.place(path)
        for path in template.files()
        if not template.place(path).startswith(elsewhere) and re.search(r"\bhttps?://\w|\b431[78]\b", path.read_text())
    }
    assert found == {template.TELEMETRY + "settings/protocol.py"}
    for path in template.python(template.TELEMETRY + "settings/protocol.py"):
        assert set(re.findall(r"https?://\w+:\d+", path.read_text())) <= {
            "http://localhost:4317",
            "http://localhost:4318",
        }


def test_no_private_environment_variable() -> None:
    """The environment is read by standard names only: OTEL_*, where the service listens or finds its queue, LOG_FORMAT.

    The doctor looks as well at what else decides over its way: names that Python, gRPC, requests and FastAPI define.
    """
    service: set[str] = set()
    doctor: set[str] = set()
    for path in template.python("src/"):
        names = doctor if path.parent.name == "doctor" else service
        for node in ast.walk(template.tree(path)):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                key: ast.expr = node.slice
            elif isinstance(node, ast.Call) and re.fullmatch(r"os\.(environ\.\w+|getenv)", ast.unparse(node.func)):
                key = node.args[0] if node.args else node.func
            else:
                continue
            if isinstance(key, ast.JoinedStr):  # f"OTEL_{signal}_EXPORTER": its beginning tells
                key = key.values[0]
            if isinstance(key, ast.Constant):
                names.add(str(key.value))
    assert {"HOST", "PORT"} <= service
    own = {name for name in service if not name.startswith("OTEL_")}
    assert own <= {"HOST", "LOG_FORMAT", "PORT", "REDIS_URL", "WEB_CONCURRENCY"}
    assert {name for name in doctor if not name.startswith("OTEL_")} == {
        "CURL_CA_BUNDLE",
        "FASTAPI_OTEL_AUTO_CONFIGURE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "GRPC_VERBOSITY",
        "PYTHONPATH",
        "REQUESTS_CA_BUNDLE",
        "no_grpc_proxy",
        "no_proxy",
    }
