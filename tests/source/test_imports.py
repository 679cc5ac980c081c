"""A line of code knows its room: who may import what."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from . import template


def test_imports_in_src_are_relative() -> None:
    """The service imports its own modules by their place; telemetry/ and tests/ reach into nothing above themselves."""
    for path in template.python():
        place = template.place(path)
        top = template.TELEMETRY if place.startswith(template.TELEMETRY) else place.partition("/")[0] + "/"
        depth = place.removeprefix(template.PACKAGE if top == "src/" else top).count("/") + 1
        levels = {level for level, _ in template.imports(path)}
        assert max(levels, default=0) <= depth, place


def test_no_file_names_the_default_package() -> None:
    """The package's name comes from the answer: `payment_service` stands in no Python file."""
    default = "payment_service"
    assert [template.place(path) for path in template.python() if default in path.read_text()] == []


def test_only_otlp_imports_exporters() -> None:
    """Whoever reads otlp.py has seen every exporter that sends."""
    assert template.importers("opentelemetry.exporter") == {"telemetry/export/otlp.py"}


def test_only_the_application_imports_the_framework() -> None:
    """Telemetry and the work of the service know nothing of the framework."""
    frameworks = ("celery", "fastapi", "flask", "kombu", "starlette", "werkzeug")
    importers = template.importers(*frameworks)
    assert importers
    assert importers <= {"app.py", "tasks.py", "worker.py"}


def test_only_configure_sets_globals() -> None:
    """OpenTelemetry's globals are set in telemetry/__init__.py and nowhere else."""
    setters = {"set_tracer_provider", "set_meter_provider", "set_logger_provider", "set_global_textmap"}
    found: dict[str, set[str]] = {}
    for path in template.python("src/"):
        for node in ast.walk(template.tree(path)):
            named = {
                *([node.id] if isinstance(node, ast.Name) else []),
                *([node.attr] if isinstance(node, ast.Attribute) else []),
                *([alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []),
            }
            if named & setters:
                found.setdefault(template.place(path), set()).update(named & setters)
    assert found == {template.TELEMETRY + "__init__.py": setters}


def arrows() -> dict[str, set[str]]:
    """Return which modules of telemetry/ each of them imports, by dotted names; a package stands for its __init__."""
    paths = {dotted(path): path for path in template.python(template.TELEMETRY)}
    graph: dict[str, set[str]] = {name: set() for name in paths}
    for path in template.python(template.TELEMETRY):
        name = dotted(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for level, imported in template.imports(path):
            if level:
                base = ".".join(package.split(".")[: len(package.split(".")) - level + 1])
                full = f"{base}.{imported}"
                # A name that is no module comes from the package itself.
                graph[name].add(full if full in paths else full.rpartition(".")[0])
    return graph


def dotted(path: Path) -> str:
    """Return the dotted name of a module: telemetry.export.otlp."""
    place = template.place(path).removeprefix(template.PACKAGE).removesuffix(".py")
    return place.replace("/", ".").removesuffix(".__init__")


def test_no_import_cycle_in_telemetry() -> None:
    """Each module of telemetry/ can be read after those that it imports."""
    graph = arrows()
    assert graph["telemetry"]
    order = [*TopologicalSorter(graph).static_order()]  # raises CycleError
    assert order.index("telemetry") > order.index("telemetry.settings")


def test_nothing_imports_the_doctor() -> None:
    """The doctor imports what it examines; only __main__.py imports the doctor."""
    doctor = {name for name in arrows() if name.startswith("telemetry.doctor")}
    assert doctor
    found = {name: imported & doctor for name, imported in arrows().items() if name not in doctor}
    assert {name: imported for name, imported in found.items() if imported} == {}
    for path in template.python("src/"):
        if template.place(path).removeprefix(template.PACKAGE) != "__main__.py" and "telemetry" not in path.parts:
            assert not [name for _, name in template.imports(path) if name.startswith("telemetry.doctor")], path


# Which rooms a room may import from, besides itself. What is not listed puts the rooms together: __init__, providers.
ROOMS: dict[str, tuple[str, ...]] = {
    "telemetry.export": ("telemetry.export", "telemetry.process", "telemetry.masking", "telemetry.throttle"),
    "telemetry.process": ("telemetry.process",),
    "telemetry.settings": ("telemetry.settings", "telemetry.masking"),
    "telemetry.masking": ("telemetry.throttle",),
    "telemetry.resource": (),
    "telemetry.propagation": (),
    "telemetry.log_format": (),
}


def allowed(name: str) -> tuple[str, ...] | None:
    """Return the beginnings of what a module of telemetry/ may import from telemetry/, or None for anything."""
    for room, imports in ROOMS.items():
        if name == room or name.startswith(room + "."):
            return imports
    return None


def test_arrows_point_one_way_between_rooms() -> None:
    """A room imports only from the rooms that ROOMS lists for it, and each room that is listed is there."""
    graph = arrows()
    assert {room for room in ROOMS if room not in graph} == set()
    for name, imported in graph.items():
        rooms = allowed(name)
        if rooms is not None:
            assert {module for module in imported if not module.startswith(rooms)} == set(), name


def test_forks_and_draining_do_not_know_each_other() -> None:
    """Each can be read without the other: what happens at a fork, and what happens at the end."""
    graph = arrows()
    assert "telemetry.process.draining" in graph["telemetry.process.exit"]
    assert graph["telemetry.process.forks"] == set()
    assert graph["telemetry.process.draining"] == {"telemetry.process.time_limit"}


def test_settings_masking_and_process_import_nothing_of_the_sdk() -> None:
    """They run before the SDK is imported; only modules that hold the names of variables are let in."""
    rooms = {"settings", "masking", "process"}
    for path in template.python(template.TELEMETRY):
        if rooms.intersection(dotted(path).split(".")[1:2]):
            names = {name for level, name in template.imports(path) if not level and name.startswith("opentelemetry")}
            assert {name for name in names if not name.endswith("environment_variables")} == set(), path
