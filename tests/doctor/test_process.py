"""Faults of the process: who else sets OpenTelemetry up, what is installed, and what an import starts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Projects
from ..harness.receiver import Receiver
from ..source.table import findings
from .run import Report, doctor

pytestmark = pytest.mark.slow


PROVIDER = "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
PROVIDER += "trace.set_tracer_provider(TracerProvider())\n"


def installed(folder: Path, name: str, version: str, *requirements: str) -> dict[str, str]:
    """Let Python find a distribution that has nothing but its metadata."""
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *requirements, ""]
    (place / "METADATA").write_text("\n".join(lines))
    return {"PYTHONPATH": str(folder)}


def changed(folder: Path, project: Path, addition: str) -> dict[str, str]:
    """Put a copy of the service before the installed one, its application with an addition at the end."""
    shutil.copytree(project / "src", folder / "src")
    (application,) = (folder / "src").glob("*/app.py")
    application.write_text(application.read_text() + addition)
    return {"PYTHONPATH": str(folder / "src")}


def zero_code(folder: Path, project: Path) -> dict[str, str]:
    """Wrap opentelemetry-instrument around the service, as its command and Kubernetes' operator do."""
    (place,) = project.glob(".venv/lib/*/site-packages/opentelemetry/instrumentation/auto_instrumentation")
    return {"PYTHONPATH": str(place)}


def auto_configure(folder: Path, project: Path) -> dict[str, str]:
    """Ask FastAPI to set up a pipeline of its own."""
    return {"FASTAPI_OTEL_AUTO_CONFIGURE": "true"}


def two_fastapi(folder: Path, project: Path) -> dict[str, str]:
    """Install contrib's instrumentation of FastAPI."""
    return installed(folder, "opentelemetry-instrumentation-fastapi", "0.66b1")


def no_library(folder: Path, project: Path) -> dict[str, str]:
    """Install an instrumentation without the library that it is for."""
    lines = ["Provides-Extra: instruments", "Requires-Dist: pymongo<5,>=3.1; extra == 'instruments'"]
    return installed(folder, "opentelemetry-instrumentation-pymongo", "0.66b1", *lines)


def old_library(folder: Path, project: Path) -> dict[str, str]:
    """Install an instrumentation for a release of the library that is not there."""
    lines = ["Provides-Extra: instruments", "Requires-Dist: httpx>=9; extra == 'instruments'"]
    return installed(folder, "opentelemetry-instrumentation-later", "0.66b1", *lines)


def no_sibling(folder: Path, project: Path) -> dict[str, str]:
    """Install an instrumentation without the package that it is made with."""
    return installed(folder, "opentelemetry-instrumentation-tornado", "0.66b1", "Requires-Dist: opentelemetry-util-no")


def releases(folder: Path, project: Path) -> dict[str, str]:
    """Have an api of an older release before the right one."""
    return installed(folder, "opentelemetry-api", "1.40.0")


def provider_at_start(folder: Path, project: Path) -> dict[str, str]:
    """Set a provider when Python starts."""
    (folder / "sitecustomize.py").write_text(PROVIDER)
    return {"PYTHONPATH": str(folder)}


def provider_in_application(folder: Path, project: Path) -> dict[str, str]:
    """Set a provider when the application is imported."""
    return changed(folder, project, PROVIDER)


def before_fork(folder: Path, project: Path) -> dict[str, str]:
    """Start telemetry when the application is imported, as a server does before it forks."""
    return changed(folder, project, "\ntelemetry.configure()\n")


CASES: dict[str, tuple[Callable[[Path, Path], dict[str, str]], str, tuple[str, ...]]] = {
    "zero-code agent": (zero_code, "zero-code", ("opentelemetry-instrument", "PYTHONPATH")),
    "FastAPI's own pipeline": (auto_configure, "auto-configure", ("FASTAPI_OTEL_AUTO_CONFIGURE", "unset")),
    "contrib beside native": (two_fastapi, "two-fastapi", ("uv remove opentelemetry-instrumentation-fastapi",)),
    "no library": (no_library, "companion", ("uv add 'pymongo", "uv remove opentelemetry-instrumentation-pymongo")),
    "another release of the library": (old_library, "companion", ("uv add 'httpx>=9", "httpx 0.")),
    "no sibling": (
        no_sibling,
        "companion",
        (
            "uv add 'opentelemetry-util-no",
            "needs opentelemetry-util-no, which is not installed",
        ),
    ),
    "mixed releases": (releases, "releases", ("opentelemetry-api==1.", "not 1.40.0", "uv lock --upgrade")),
    "provider at the start of Python": (provider_at_start, "foreign-provider", ("traces", "sitecustomize")),
    "provider in the application": (
        provider_in_application,
        "foreign-provider",
        ("payment_service.app", "TracerProvider"),
    ),
    "SDK before a fork": (before_fork, "before-fork", ("payment_service.app", "telemetry.configure()")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_the_process_is_found(name: str, projects: Projects, tmp_path: Path) -> None:
    """Exactly one finding, although the path is healthy, and words that lead to what to change."""
    seed, key, words = CASES[name]
    project = projects("grpc")
    with Receiver("grpc") as receiver:
        variables = seed(tmp_path, project)
        report: Report = doctor(project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **variables)
        assert [span.name for span in receiver.spans][:1] == ["doctor"]
    assert (report.status, [*report.findings]) == (1, [key]), report
    assert [word for word in words if word not in report.words] == []


def test_every_sentence_about_the_process_is_tested() -> None:
    """No key of the table is without a seeded fault."""
    assert {key for _, key, _ in CASES.values()} == set(findings("PROCESS"))


def test_an_application_that_cannot_be_imported_is_no_fault_of_telemetry(projects: Projects, tmp_path: Path) -> None:
    """What an import lacks is noted, and neither its traceback nor what it prints is in the report."""
    project = projects("grpc")
    with Receiver("grpc") as receiver:
        variables = changed(tmp_path, project, "\nprint('noise')\nraise RuntimeError('no database')\n")
        report = doctor(project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **variables)
    assert (report.status, [*report.notes]) == (0, ["not-imported"]), report
    assert "no database" in report.notes["not-imported"]
    assert "noise" not in report.out


def test_names_that_only_look_like_opentelemetrys_are_no_finding(projects: Projects, tmp_path: Path) -> None:
    """A folder called my_auto_instrumentation and a thread called Otello are somebody's own."""
    project = projects("grpc")
    folder = tmp_path / "my_auto_instrumentation"
    folder.mkdir()
    (folder / "sitecustomize.py").touch()
    thread = "\nimport threading\nthreading.Thread(target=threading.Event().wait, name='Otello', daemon=True).start()\n"
    with Receiver("grpc") as receiver:
        paths = changed(tmp_path, project, thread)["PYTHONPATH"]
        report = doctor(
            project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, PYTHONPATH=f"{folder}{os.pathsep}{paths}"
        )
    assert (report.status, report.findings) == (0, {}), report
