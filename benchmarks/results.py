"""The results of a run as JSON: what was measured, on which machine, with which versions, and when."""

import json
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .figures import Figure

PATH = Path(__file__).with_name("results.json")
# The packages that decide over a figure; each variant has some of them.
DECISIVE = (
    "fastapi",
    "grpcio",
    "logfire",
    "opentelemetry-distro",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-sdk",
    "protobuf",
    "requests",
    "uvicorn",
)
Versions = dict[str, dict[str, str]]  # by transport and variant, as "grpc ours", then by package


@dataclass(frozen=True)
class Results:
    """What one run has measured."""

    date: str
    run: str  # "whole" or "quick"
    machine: str
    python: str
    versions: Versions
    figures: list[Figure]

    @property
    def origin(self) -> str:
        """Say when and where this was measured, and whether by a quick run, which is coarse."""
        return f"{self.date}, {self.run} run, Python {self.python}, {self.machine}"


def collect(run: str, figures: list[Figure], versions: Versions) -> Results:
    """Return the results of the run that ends now, on this machine."""
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return Results(date, run, machine(), platform.python_version(), versions, figures)


def decisive(versions: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that decide over a figure."""
    return {name: versions[name] for name in DECISIVE if name in versions}


def machine() -> str:
    """Return the processor's model, how many cores this process may use, and the load of the last 15 minutes."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = found[1] if found else platform.machine()
    load = os.getloadavg()[2]
    return f"{model}, {len(os.sched_getaffinity(0))} cores, load {load:.1f}"


def write(results: Results, path: Path = PATH) -> None:
    """Write the results to a file."""
    path.write_text(json.dumps(asdict(results), indent=1) + "\n")


def read(path: Path = PATH) -> Results:
    """Return the results of a file."""
    content = json.loads(path.read_text())
    content["figures"] = [Figure(**figure) for figure in content["figures"]]
    return Results(**content)
