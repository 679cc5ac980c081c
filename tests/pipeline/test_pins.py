"""A company's fork pins its gateways' host in the pipeline as it does in services."""

import shutil
import sys
import tomllib
from pathlib import Path

from cookiecutter.main import cookiecutter

from ..conftest import ROOT
from ..update.shell import run

EXAMPLE = ROOT / "docs" / "organisation"


def test_a_fork_pins_the_host_of_the_gateways(tmp_path: Path) -> None:
    """After the example's program no file of a pipeline names upstream's host, and gateways certify the company's."""
    fork = tmp_path / "fork"
    for name in ("hooks", "pipeline", "templates", "{{cookiecutter.project_slug}}"):
        shutil.copytree(ROOT / name, fork / name, ignore=shutil.ignore_patterns("__pycache__", "*_cache"))
    shutil.copy(ROOT / "cookiecutter.json", fork)
    for _ in range(2):
        assert run(fork, sys.executable, str(EXAMPLE / "pin.py"), str(EXAMPLE / "acme.toml")).returncode == 0
    host = tomllib.loads((EXAMPLE / "acme.toml").read_text())["collector"]
    project = Path(cookiecutter(str(fork), directory="pipeline", no_input=True, output_dir=str(tmp_path)))
    said = "".join(path.read_text() for path in project.rglob("*") if path.is_file())
    assert "otel-gateway.observability" not in said
    gateway = (project / "manifests/gateway.yaml").read_text()
    assert f"- name: PEERS_SERVER_NAME\n              value: {host}\n" in gateway
    assert f"value: {host}:4317\n" in (project / "manifests/agent.yaml").read_text()
