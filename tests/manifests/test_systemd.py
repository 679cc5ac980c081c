"""systemd: units that it reads without a word, that let go of nearly everything, and that end in time."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..rendered.tools import judge
from .table import FRAMEWORKS

UNITS = ("payment-service.service", "otel-agent.service")
SECURITY = "systemd-analyze security --offline=true --no-pager"


@pytest.fixture
def units(rendered: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder with the units, whose programs are replaced by one that this machine has."""
    for name in UNITS:
        text = (rendered(deployment="systemd") / "deploy" / name).read_text()
        text, replaced = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={Path(sys.executable).resolve()}", text)
        assert replaced == 1
        (tmp_path / name).write_text(text)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    """Replace a text that is there."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_systemd_has_nothing_to_say(units: Path) -> None:
    """`systemd-analyze verify`, which prints what is wrong and exits 0, prints nothing."""
    done = judge(units, f"systemd-analyze verify ./{UNITS[0]} ./{UNITS[1]}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", UNITS)
def test_little_is_exposed(unit: str, units: Path) -> None:
    """The exposure is under 2.0 of 10."""
    done = judge(units, f"{SECURITY} --threshold=19 ./{unit}")
    assert done.returncode == 0, done.stdout


def test_a_mistake_is_found(units: Path) -> None:
    """A misspelt setting is told, and so is a sandbox that is left open."""
    change(units / UNITS[0], "ProtectSystem=strict", "ProtectSytem=strict")
    assert "ProtectSytem" in judge(units, f"systemd-analyze verify ./{UNITS[0]}").stderr
    change(units / UNITS[0], "CapabilityBoundingSet=\n", "")
    assert judge(units, f"{SECURITY} --threshold=19 ./{UNITS[0]}").returncode != 0


def test_the_agents_token_is_in_a_file_of_its_own(rendered: Any) -> None:
    """The unit reads it from a file that only root reads, as the README makes it; no file of the service holds one."""
    deploy = rendered(deployment="systemd") / "deploy"
    files = re.findall(r"(?m)^EnvironmentFile=(.*)$", (deploy / "otel-agent.service").read_text())
    assert files == ["/etc/otelcol/environment", "/etc/otelcol/token"]
    assert "install -m 0600 /dev/null /etc/otelcol/token" in (deploy / "README.md").read_text()
    settings = [p.read_text() for p in sorted(deploy.glob("*environment*"))]
    assert len(settings) == 3
    assert not any(re.search(r"(?m)^\w*TOKEN=", text) for text in settings)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_service_ends_in_time_and_in_order(framework: str, rendered: Any) -> None:
    """Its status after SIGTERM is a success, and the agent ends after it.

    Whatever else it ends with, it is started again.
    """
    text = (rendered(framework=framework, deployment="systemd") / "deploy" / UNITS[0]).read_text()
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    assert settings["SuccessExitStatus"] == "143"
    assert settings["Restart"] == "always"
    assert "otel-agent.service" in settings["After"].split()
    assert settings["EnvironmentFile"] == "/etc/payment-service/environment"
