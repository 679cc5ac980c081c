"""Builds the Collector of components.yaml by its official builder, once: the binary stays in the person's cache."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

COMPONENTS = Path(__file__).with_name("components.yaml")
CACHE = Path.home() / ".cache/cookiecutter-otel-service"
RELEASE = yaml.safe_load(COMPONENTS.read_text())["dist"]["version"]


def collector() -> Path:
    """Return the Collector, built if need be, which takes minutes; raise FileNotFoundError where Go is missing."""
    CACHE.mkdir(parents=True, exist_ok=True)
    built = CACHE / f"otelcol-{hashlib.sha256(COMPONENTS.read_bytes()).hexdigest()[:16]}"
    with (CACHE / "otelcol.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            if not _has_go():
                raise FileNotFoundError("Go, 1.21 or newer, which builds the Collector, is not installed")
            _build(built)
    return built


def _has_go() -> bool:
    # From 1.21 on Go fetches the newer one that a module asks for.
    if not shutil.which("go"):
        return False
    version = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 21)


def _build(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="otelcol-") as folder:
        variables = os.environ | {"GOBIN": folder, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        commands = (
            ["go", "install", f"go.opentelemetry.io/collector/cmd/builder@v{RELEASE}"],
            [f"{folder}/builder", f"--config={COMPONENTS}"],
        )
        for command in commands:
            done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
        binary = Path(folder, "otelcol")
        partial = target.with_suffix(".partial")
        shutil.copy(binary, partial)
        partial.rename(target)


if __name__ == "__main__":
    print(collector())
    sys.exit()
