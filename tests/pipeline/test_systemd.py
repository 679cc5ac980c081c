"""systemd: a gateway's unit that is valid and closed, and that reads what the README installs."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..rendered.tools import judge
from .answers import CHOICES
from .variables import environment_file

UNIT = "otel-gateway.service"
SECURITY = "systemd-analyze security --offline=true --no-pager --threshold=19"


@pytest.fixture(params=CHOICES["backend_authentication"])
def pipeline(request: pytest.FixtureRequest, pipelines: Callable[..., Path]) -> Path:
    """Return a pipeline on machines, with each way to authenticate to the backend."""
    return pipelines(target="systemd", backend_authentication=request.param)


@pytest.fixture
def unit(pipeline: Path, tmp_path: Path) -> Path:
    """Return the unit with its program replaced by one that this machine has."""
    text, replaced = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={Path(sys.executable).resolve()}", unit_of(pipeline))
    assert replaced == 1
    (tmp_path / UNIT).write_text(text)
    return tmp_path / UNIT


def unit_of(pipeline: Path) -> str:
    """Return the text of the unit."""
    return (pipeline / UNIT).read_text()


def test_the_unit_is_valid_and_little_is_exposed(unit: Path) -> None:
    """`systemd-analyze verify` prints nothing, and the exposure is under 2.0 of 10; a mistake is found by each."""
    done = judge(unit.parent, f"systemd-analyze verify ./{UNIT}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert judge(unit.parent, f"{SECURITY} ./{UNIT}").returncode == 0
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSytem=strict"))
    assert "ProtectSytem" in judge(unit.parent, f"systemd-analyze verify ./{UNIT}").stderr
    unit.write_text(unit.read_text().replace("CapabilityBoundingSet=\n", ""))
    assert judge(unit.parent, f"{SECURITY} ./{UNIT}").returncode != 0


def test_the_readme_installs_every_file(pipeline: Path) -> None:
    """Each file that the unit, the command line or a variable names is written by a command of the README."""
    text = unit_of(pipeline) + "".join(f"{value}\n" for value in environment_file(pipeline).values())
    named = set(re.findall(r"/etc/otelcol-gateway/[\w.]+", text))
    readme = (pipeline / "README.md").read_text()
    installed = set()
    for command in re.findall(r"^ +# install (.*?)(?:  #|$)", readme, re.MULTILINE):
        *sources, target = [word for word in command.split() if not re.fullmatch(r"-\w|0\d+|otelcol-contrib", word)]
        folder, _, name = target.rpartition("/")
        installed |= {f"{folder}/{name or Path(source).name}" for source in sources}
    assert named <= installed
    assert len(named) >= 7


def test_secrets_are_readable_by_the_gateway_only(pipeline: Path) -> None:
    """Keys and tokens belong to the group that the unit runs as; what systemd reads is for root alone."""
    assert "User=otelcol-contrib\n" in unit_of(pipeline)
    readme = (pipeline / "README.md").read_text()
    for command in re.findall(r"# (install .*)", readme):
        if re.search(r"tls\.key|clients|backend\.key", command):
            assert "-g otelcol-contrib -m 0640" in command
        if re.search(r"environment|authorization", command):
            assert "-m 0600" in command
    assert not re.search(r"(?m)^BACKEND_AUTHORIZATION|TOKEN=", (pipeline / "gateway.environment").read_text())


def test_the_queue_is_in_the_state_directory(pipeline: Path) -> None:
    """The unit may write where the queue is, and is given longer than a decision waits before it is killed."""
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", unit_of(pipeline)))
    variables = environment_file(pipeline)
    assert variables["QUEUE_DIRECTORY"] == f"/var/lib/{settings['StateDirectory']}"
    assert int(settings["TimeoutStopSec"]) >= 60
    assert settings["Restart"] == "always"
