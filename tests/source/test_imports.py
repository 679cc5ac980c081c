"""A line of code knows its room: who may import what."""

import ast
from graphlib import TopologicalSorter

from . import template


def test_imports_in_src_are_relative() -> None:
    """The service imports its own modules by their place; no folder, telemetry/ included, reaches into what is above."""
    levels: dict[str, set[int]] = {}
    for path in template.python():
        found = {level for level, _ in template.imports(path) if level}
        levels.setdefault(template.place(path).partition("/")[0], set()).update(found)
    assert levels["src"] == {1}
    assert levels["tests"] <= {1}


def test_no_file_names_the_default_package() -> None:
    """The package's name comes from the answer: `payment_service` stands in no Python file."""
    default = "payment_service"
    assert [template.place(path) for path in template.python() if default in path.read_text()] == []


def test_only_otlp_imports_exporters() -> None:
    """Whoever reads otlp.py has seen every exporter that sends."""
    assert template.importers("opentelemetry.exporter") == {"telemetry/otlp.py"}


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


def test_no_import_cycle_in_telemetry() -> None:
    """Each module of telemetry/ can be read after those that it imports."""
    modules = {template.place(path).removeprefix(template.TELEMETRY)[:-3]: path for path in template.python()}
    graph: dict[str, set[str]] = {}
    for path in template.python(template.TELEMETRY):
        module = template.place(path).removeprefix(template.TELEMETRY)[:-3]
        imported = {name.partition(".")[0] for level, name in template.imports(path) if level == 1}
        # A name that is no module comes from the package itself.
        graph.setdefault(module, set()).update(name if name in modules else "__init__" for name in imported)
    assert graph["__init__"]
    order = [*TopologicalSorter(graph).static_order()]  # raises CycleError
    assert order[-1] in {"__init__", "doctor"}
