"""A company pins what is its own once, by a configuration or by a fork that goes on merging."""

import json
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from ..conftest import ROOT
from .conftest import History, render
from .shell import commit, git, run, update
from .versions import CURRENT, NEXT

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "docs" / "organisation"
PINS = tomllib.loads((EXAMPLE / "acme.toml").read_text())


def pin(fork: Path) -> None:
    """Run the example in a fork, as its documentation says."""
    done = run(fork, sys.executable, str(EXAMPLE / "pin.py"), str(EXAMPLE / "acme.toml"))
    assert done.returncode == 0, done.stderr


def manifests(service: Path) -> str:
    """Return all that a service's manifests say."""
    return "\n".join(path.read_text() for path in sorted((service / "deploy").rglob("*")) if path.is_file())


def test_a_configuration_pins_answers(tmp_path: Path, past: History) -> None:
    """The example's answers are the defaults of whoever uses it."""
    config = json.loads(json.dumps({"replay_dir": f"{tmp_path}/r", "cookiecutters_dir": f"{tmp_path}/c"}))
    file = tmp_path / "config.yaml"
    file.write_text(
        (EXAMPLE / "cookiecutter.yaml").read_text() + "\n".join(f"{name}: {value}" for name, value in config.items())
    )
    service = Path(cookiecutter(str(ROOT), no_input=True, output_dir=str(tmp_path), config_file=str(file)))
    record = json.loads((service / ".template/answers.json").read_text())["answers"]
    assert (record["team"], record["otlp_protocol"]) == ("payments", "http")


def test_a_fork_pins_the_rest_and_goes_on_merging(tmp_path: Path, past: History) -> None:
    """Address, teams, licence and sampling are in each service; upstream's next version merges cleanly, and reaches them."""
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "-q", str(past.template), str(fork))
    git(fork, "reset", "-q", "--hard", past.commits[CURRENT])
    pin(fork)
    commit(fork, "Pin what is ours")
    pin(fork)
    assert git(fork, "status", "--porcelain") == ""  # twice is once
    service = render(fork, tmp_path)
    commit(service)

    said = manifests(service)
    assert PINS["collector"] in said and "otel-gateway.observability" not in said
    assert PINS["sampler"] in said and PINS["sampler_argument"] in said and "parentbased_always_on" not in said
    assert (service / "LICENSE").read_text() == PINS["licence"]
    assert json.loads((service / ".template/answers.json").read_text())["answers"]["team"] == PINS["teams"][0]

    git(fork, "merge", "-q", "--no-edit", past.commits[NEXT])
    before = git(fork, "rev-parse", "HEAD^{tree}")
    pin(fork)
    commit(fork, "Pin it again")
    assert git(fork, "rev-parse", "HEAD^{tree}") == before  # the merge had kept it all
    done = update(service, "team=logistics", "--template", str(fork), "--without-tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "In the next version" in (service / "src/payment_service/telemetry/providers.py").read_text()
    assert PINS["collector"] in manifests(service)
    assert json.loads((service / ".template/answers.json").read_text())["answers"]["team"] == "logistics"
    git(service, "reset", "-q", "--hard")
    refused = update(service, "team=intruders", "--template", str(fork))
    assert (refused.returncode, "team must be one of payments, logistics, platform" in refused.stderr) == (2, True)
    shutil.rmtree(service)
