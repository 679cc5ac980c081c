"""Checks the process: other OpenTelemetry set-ups, installed packages, what an import starts."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..providers import installed
from .findings import Check, finding, note
from .time_limits import REPORT

PACKAGE = str(__package__).removesuffix(".telemetry.doctor")
ZERO_CODE = "opentelemetry.instrumentation.auto_instrumentation"
AGENT_FOLDER = "auto_instrumentation"
OFF = ("", "0", "false", "no", "off", "f", "n")
# The extras by which an instrumentation names its library.
LIBRARY_EXTRAS = ("instruments", "instruments-any")
MOST_SHOWN = 3
# Imports the application, as a server does before it forks. configure() only notes its calls.
CHILD = """
import importlib, json, os, re, sys, threading
package, application, pipe = sys.argv[1:]
sys.argv[1:] = []
telemetry = importlib.import_module(package + ".telemetry")
providers = importlib.import_module(package + ".telemetry.providers")
calls, before, failed = [], providers.installed(), ""
telemetry.configure = lambda: calls.append("telemetry.configure()")
try:
    importlib.import_module(application)
except BaseException as error:
    failed = f"{type(error).__name__}: {error}"
threads = [thread.name for thread in threading.enumerate() if re.match("Otel[A-Z]", thread.name)]
after = providers.installed()
seen = {"calls": calls, "threads": threads, "before": before, "after": after, "failed": failed}
os.write(int(pipe), json.dumps(seen).encode())
os._exit(0)
"""


class ApplicationImport:
    """Imports the application in a process of its own, while other checks run."""

    def __init__(self) -> None:
        """Start the process."""
        self.application = _application()
        self._read, write = os.pipe()
        arguments = [PACKAGE, self.application, str(write)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[write],
            start_new_session=True,
        )
        os.close(write)

    def checks(self, end: float) -> Iterator[Check]:
        """Yield what the import has started, or why that is unknown."""
        left = end - time.monotonic() - REPORT
        try:
            self._process.wait(max(0.1, left))
        except subprocess.TimeoutExpired:
            yield _not_imported(f"importing {self.application} takes too long")
            return
        finally:
            self._process.kill()
        said = os.read(self._read, 1 << 16)
        if said:
            yield from self._started(json.loads(said))
        else:
            yield _not_imported(f"the process that imported {self.application} ended early")

    def _started(self, seen: Mapping[str, Any]) -> Iterator[Check]:
        starts = seen["calls"] or seen["threads"]
        if starts:
            detail = ", ".join(dict.fromkeys(starts))
            yield finding("process", "before-fork", value=self.application, detail=detail)
        new = {}
        for signal, provider in seen["after"].items():
            if signal not in seen["before"]:
                new[signal] = provider
        if new:
            yield _foreign_provider(self.application, new)
        if seen["failed"]:
            yield _not_imported(f"importing {self.application} raised {seen['failed']}")


def _application() -> str:
    """Return the module that a server imports."""
    for name in ("app", "tasks", "worker"):
        if find_spec(f"{PACKAGE}.{name}"):
            return f"{PACKAGE}.{name}"
    return f"{PACKAGE}.telemetry"


def _not_imported(detail: str) -> Check:
    return note("process", "not-imported", detail=detail)


def _foreign_provider(value: str, providers: Mapping[str, str]) -> Check:
    signals = " and ".join(providers)
    classes = dict.fromkeys(providers.values())
    detail = ", ".join(classes)
    return finding(
        "process",
        "foreign-provider",
        value=value,
        signals=signals,
        detail=detail,
    )


def other_setups() -> Iterator[Check]:
    """Yield what else sets up OpenTelemetry in this process."""
    agent = _zero_code_agent()
    if agent:
        yield finding("process", "zero-code", detail=agent)
    providers = installed()
    if providers:
        yield _foreign_provider(
            "the start of Python (sitecustomize, a .pth file, an agent)", providers
        )
    automatic = os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "")
    if automatic.lower() not in OFF:
        yield finding("process", "auto-configure", value=automatic)


def _zero_code_agent() -> str:
    """Return how a zero-code agent gets into this process, or nothing."""
    path = os.environ.get("PYTHONPATH", "")
    for entry in path.split(os.pathsep):
        if PurePath(entry).name == AGENT_FOLDER:
            return f"PYTHONPATH has {entry}"
    site = getattr(sys.modules.get("sitecustomize"), "__file__", None)
    is_agents = PurePath(site or "").parent.name == AGENT_FOLDER
    if is_agents or ZERO_CODE in sys.modules:
        return "its sitecustomize is loaded"
    return ""


def incompatible_packages() -> Iterator[Check]:
    """Yield what is installed and does not fit together."""
    packages: dict[str, Distribution] = {}
    for distribution in distributions():
        # The first of several is the one that Python imports.
        packages.setdefault(_name(distribution), distribution)
    if "opentelemetry-instrumentation-fastapi" in packages and "fastapi" in packages:
        yield finding("process", "two-fastapi", value=packages["fastapi"].version)
    mismatches = []
    for name in sorted(packages):
        if name.startswith("opentelemetry-"):
            package = _Package(name, packages)
            yield from package.missing()
            mismatches += package.mismatches()
    if mismatches:
        shown = "; ".join(mismatches[:MOST_SHOWN])
        more = len(mismatches) - MOST_SHOWN
        detail = f"{shown}, and {more} more" if more > 0 else shown
        yield finding("process", "releases", detail=detail)


def _name(distribution: Distribution) -> str:
    return canonicalize_name(str(distribution.metadata["Name"] or ""))


@dataclass
class _Package:
    """A package of OpenTelemetry, and what it needs among the installed ones."""

    name: str
    installed: Mapping[str, Distribution]
    needs: list[Requirement] = field(default_factory=list)
    libraries: list[Requirement] = field(default_factory=list)  # it instruments one of them

    def __post_init__(self) -> None:
        for text in self.installed[self.name].requires or ():
            requirement = Requirement(text)
            if _applies(requirement):
                self.needs.append(requirement)
            elif any(_applies(requirement, extra) for extra in LIBRARY_EXTRAS):
                self.libraries.append(requirement)

    def missing(self) -> Iterator[Check]:
        """Yield what it needs and is not installed."""
        for requirement in self.needs:
            needed = canonicalize_name(requirement.name)
            if needed not in self.installed:
                detail = f"{self.name} needs {needed}, which is not installed"
                yield self._companion(detail, requirement)
        if self.libraries and not any(map(self._has, self.libraries)):
            wanted = " or ".join(f"{each.name}{each.specifier}" for each in self.libraries)
            there = ", ".join(self._versions()) or "none"
            detail = f"{self.name} traces {wanted}; installed is {there}, so it does nothing"
            yield self._companion(detail, self._installed_library() or self.libraries[0])

    def mismatches(self) -> list[str]:
        """Return which other packages of OpenTelemetry are of a release that it does not take."""
        found = []
        version = self.installed[self.name].version
        for requirement in self.needs:
            needed = canonicalize_name(requirement.name)
            if not needed.startswith("opentelemetry-") or needed not in self.installed:
                continue
            if not self._has(requirement):
                wanted = f"{needed}{requirement.specifier}"
                actual = self.installed[needed].version
                found.append(f"{self.name} {version} needs {wanted}, not {actual}")
        return found

    def _companion(self, detail: str, needed: Requirement) -> Check:
        wanted = f"{needed.name}{needed.specifier}"
        return finding("process", "companion", value=self.name, detail=detail, wanted=wanted)

    def _installed_library(self) -> Requirement | None:
        """Return the library that is installed, in a version that it does not take."""
        for library in self.libraries:
            if canonicalize_name(library.name) in self.installed:
                return library
        return None

    def _has(self, requirement: Requirement) -> bool:
        distribution = self.installed.get(canonicalize_name(requirement.name))
        if distribution is None:
            return False
        return requirement.specifier.contains(distribution.version, prereleases=True)

    def _versions(self) -> Iterator[str]:
        """Yield the installed libraries with their versions."""
        for library in self.libraries:
            distribution = self.installed.get(canonicalize_name(library.name))
            if distribution is not None:
                yield f"{library.name} {distribution.version}"


def _applies(requirement: Requirement, extra: str = "") -> bool:
    if requirement.marker is None:
        return True
    return requirement.marker.evaluate({"extra": extra})
