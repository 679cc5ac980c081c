"""Faults of the process, not of a setting or of the network: who else sets OpenTelemetry up, and what is installed."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import PurePath

from packaging.requirements import Requirement

from ..providers import installed
from .findings import Check, finding, note

PACKAGE = str(__package__).rpartition(".")[0]
ZERO_CODE = "opentelemetry.instrumentation.auto_instrumentation"
SPARE = 1.0  # seconds that are left when the import of the application must have ended
# Imports the application as a server would before it forks, with a configure() that only remembers its callers.
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
seen = {"calls": calls, "threads": threads, "before": before, "after": providers.installed(), "failed": failed}
os.write(int(pipe), json.dumps(seen).encode())
os._exit(0)
"""


def name_of(distribution: Distribution) -> str:
    """Return the normal form of its name."""
    return re.sub(r"[-_.]+", "-", str(distribution.metadata["Name"] or "")).lower()


class Imported:
    """The application, imported in a process of its own, which goes on while other things are looked at."""

    def __init__(self) -> None:
        """Start the process."""
        names = [f"{PACKAGE}.{name}" for name in ("app", "tasks", "worker")]
        self.application = next((name for name in names if find_spec(name)), "")
        self._read, write = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, PACKAGE, self.application or f"{PACKAGE}.telemetry", str(write)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[write],
            start_new_session=True,
        )
        os.close(write)

    def checks(self, end: float) -> Iterator[Check]:
        """Yield what the import has started by then, or why that cannot be said."""
        try:
            self._process.wait(max(0.1, end - time.monotonic() - SPARE))
        except subprocess.TimeoutExpired:
            yield note("process", "not-imported", detail=f"importing {self.application} takes too long")
            return
        finally:
            self._process.kill()
        said = os.read(self._read, 1 << 16)
        if not said:
            yield note("process", "not-imported", detail=f"the process that imported {self.application} ended early")
            return
        seen = json.loads(said)
        starts = seen["calls"] or seen["threads"]
        if starts:
            yield finding("process", "before-fork", value=self.application, detail=", ".join(dict.fromkeys(starts)))
        theirs = {signal: name for signal, name in seen["after"].items() if signal not in seen["before"]}
        if theirs:
            yield _foreign(self.application, theirs)
        if seen["failed"]:
            yield note("process", "not-imported", detail=f"importing {self.application} raised {seen['failed']}")


def _foreign(value: str, providers: dict[str, str]) -> Check:
    detail = ", ".join(dict.fromkeys(providers.values()))
    return finding("process", "foreign-provider", value=value, signals=" and ".join(providers), detail=detail)


def around() -> Iterator[Check]:
    """Yield who else sets OpenTelemetry up in this process."""
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    wrapped = [entry for entry in path if PurePath(entry).name == "auto_instrumentation"]
    site = PurePath(getattr(sys.modules.get("sitecustomize"), "__file__", None) or "")
    if wrapped or site.parent.name == "auto_instrumentation" or ZERO_CODE in sys.modules:
        detail = f"PYTHONPATH has {wrapped[0]}" if wrapped else "its sitecustomize is loaded"
        yield finding("process", "zero-code", detail=detail)
    if providers := installed():
        yield _foreign("the start of Python (sitecustomize, a .pth file, an agent)", providers)
    automatic = os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "")
    if automatic.lower() not in ("", "0", "false", "no", "off", "f", "n"):
        yield finding("process", "auto-configure", value=automatic)


def packages() -> Iterator[Check]:
    """Yield what is installed and does not go together."""
    here: dict[str, Distribution] = {}
    for distribution in distributions():
        here.setdefault(name_of(distribution), distribution)  # the first is the one that Python imports
    if "opentelemetry-instrumentation-fastapi" in here and "fastapi" in here:
        yield finding("process", "two-fastapi", value=here["fastapi"].version)
    mixed = []
    for name, distribution in sorted(here.items()):
        if not name.startswith("opentelemetry-"):
            continue
        instruments: list[Requirement] = []
        for requirement in map(Requirement, distribution.requires or ()):
            needed = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if any(
                _holds(requirement, extra) and not _holds(requirement) for extra in ("instruments", "instruments-any")
            ):
                instruments.append(requirement)
            elif not _holds(requirement):
                continue
            elif needed not in here:
                yield finding(
                    "process", "companion", value=name, detail=f"{name} needs {needed}, which is not installed"
                )
            elif needed.startswith("opentelemetry-") and not _fits(requirement, here[needed]):
                mixed.append(
                    f"{name} {distribution.version} needs {needed}{requirement.specifier}, not {here[needed].version}"
                )
        if instruments and not any(r.name in here and _fits(r, here[r.name]) for r in instruments):
            wanted = " or ".join(f"{r.name}{r.specifier}" for r in instruments)
            there = ", ".join(f"{r.name} {here[r.name].version}" for r in instruments if r.name in here)
            detail = f"{name} traces {wanted}; installed is {there or 'none'}, so it does nothing"
            yield finding("process", "companion", value=name, detail=detail)
    if mixed:
        more = f", and {len(mixed) - 3} more" if len(mixed) > 3 else ""
        yield finding("process", "releases", detail="; ".join(mixed[:3]) + more)


def _holds(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _fits(requirement: Requirement, distribution: Distribution) -> bool:
    return requirement.specifier.contains(distribution.version, prereleases=True)
