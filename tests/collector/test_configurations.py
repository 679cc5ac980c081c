"""The shipped configurations are valid, are made of what is built, and ask for what their README names."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import collector as benchmark

from ..manifests.table import table
from . import build
from .build import COMPONENTS, RELEASE

KINDS = {"agent", "gateway"}
DEFAULT_LIMIT = 4 * 2**20  # of a gRPC server's requests
LARGEST_REQUEST = 32 * 2**20  # 512 spans of 60 kB, and some to spare
REQUIRED = {
    "agent": {"GATEWAY_ENDPOINT": "gateway.example.com:4317", "GATEWAY_TOKEN": "token"},
    "gateway": {
        "PEERS": "{dns: {hostname: peers.example.com, port: '4319'}}",
        "PEERS_SERVER_NAME": "gateway.example.com",
        "TLS_CERT_FILE": "/cert",
        "TLS_KEY_FILE": "/key",
        "BACKEND_ENDPOINT": "backend.example.com:4317",
        "CLIENT_TOKENS_FILE": "/clients",
        "PEERS_TOKENS_FILE": "/peers",
    },
}


def used(configurations: Path, kind: str) -> dict[str, str | None]:
    """Return the variables that a configuration reads, with their defaults; None where it has none."""
    text = (configurations / f"{kind}.yaml").read_text()
    found: dict[str, set[str | None]] = {}
    for name, default in re.findall(r"\$\{env:(\w+)(:-[^}]*)?\}", text):
        found.setdefault(name, set()).add(default[2:] if default else None)
    assert [name for name, defaults in found.items() if len(defaults) > 1] == []
    return {name: defaults.pop() for name, defaults in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_is_valid(kind: str, binary: Path, configurations: Path, tmp_path: Path) -> None:
    """The Collector takes it with nothing set but what has no default; and not with a misspelt key."""

    def validate(path: Path) -> int:
        command = [str(binary), "validate", f"--config={path}"]
        return subprocess.run(command, env=REQUIRED[kind], capture_output=True, timeout=60, check=False).returncode

    shipped = configurations / f"{kind}.yaml"
    assert validate(shipped) == 0
    for old, new in (
        ("storage:", "stored:"),
        ("file_storage", "disk_storage"),
        ("max_elapsed_time: 0", "max_elapsed_time: x"),
    ):
        assert old in shipped.read_text()
        (tmp_path / "changed.yaml").write_text(shipped.read_text().replace(old, new))
        assert validate(tmp_path / "changed.yaml") != 0


def test_only_addresses_and_secrets_have_no_default(configurations: Path) -> None:
    """Each variable without a default is one that only its user can know."""
    for kind in KINDS:
        assert {n for n, default in used(configurations, kind).items() if default is None} == REQUIRED[kind].keys()


def rows(readme: Path) -> dict[str, list[str]]:
    """Return the cells of the row of each variable in a README's table, without its name."""
    found: dict[str, list[str]] = {}
    for line in readme.read_text().splitlines():
        if line.startswith("| `"):
            names, *cells = (cell.strip() for cell in line.strip("|").split(" |"))
            found |= dict.fromkeys(re.findall(r"`([A-Z_]+)`", names), cells)
    return found


def test_the_pipelines_readme_names_every_variable(pipelines: Any, configurations: Path) -> None:
    """The table has a row for each variable, says whose it is, and names its default."""
    variables = {kind: used(configurations, kind) for kind in KINDS}
    told = rows(pipelines() / "README.md")
    assert told.keys() == variables["agent"].keys() | variables["gateway"].keys()
    for name, (whose, default, _) in told.items():
        kinds = {kind for kind in KINDS if name in variables[kind]}
        assert whose == ("both" if kinds == KINDS else kinds.pop())
        for kind in KINDS:
            value = variables[kind].get(name)
            if value and name not in {"HTTP_ADDRESS", "GRPC_ADDRESS", "HEALTH_ADDRESS", "METRICS_HOST", "METRICS_PORT"}:
                assert value.removeprefix("0.0.0.0:") in default, (name, value)


def test_the_services_readme_names_every_variable_of_the_agent(rendered: Any) -> None:
    """Its table has a row for each variable of the agent, and names its default."""
    folder = rendered() / "deploy/collector"
    variables = used(folder, "agent")
    told = rows(folder / "README.md")
    assert told.keys() == variables.keys()
    assert [name for name, value in variables.items() if value and f"`{value}`" not in told[name][0]] == []


def test_everything_is_of_one_release(rendered: Any, pipelines: Any) -> None:
    """The components, the image that manifests name and the READMEs agree on the Collector's release."""
    components = yaml.safe_load(COMPONENTS.read_text())
    modules = {kind: {m["gomod"].split()[1] for m in of} for kind, of in components.items() if kind != "dist"}
    assert modules.pop("providers") == {"v1.65.0"}  # the confmap providers' own line
    assert set().union(*modules.values()) == {f"v{RELEASE}"}
    assert table("fastapi", "grpc").images["collector"] == f"otel/opentelemetry-collector-contrib:{RELEASE}"
    for readme in (rendered() / "deploy/collector/README.md", pipelines() / "README.md"):
        assert f"contrib distribution, {RELEASE.rpartition('.')[0]}:" in " ".join(readme.read_text().split())


def test_no_batch_is_made_before_the_queue(configurations: Path) -> None:
    """What has been answered for is on disk: no processor batches, and nothing but tail sampling waits in memory."""
    for kind in KINDS:
        configuration = yaml.safe_load((configurations / f"{kind}.yaml").read_text())
        assert not any(name.startswith("batch") for name in configuration["processors"])
        queues = {n: e.get("sending_queue", {}).get("storage") for n, e in configuration["exporters"].items()}
        assert queues["otlp_grpc"] == "file_storage"
        assert set(queues) - {"otlp_grpc"} == ({"load_balancing"} if kind == "gateway" else set())
    gateway = yaml.safe_load((configurations / "gateway.yaml").read_text())
    hop = gateway["exporters"]["load_balancing"]["protocol"]["otlp"]
    assert (hop["sending_queue"], hop["retry_on_failure"]) == ({"enabled": False}, {"enabled": False})


def test_every_hop_but_the_local_one_is_encrypted(configurations: Path) -> None:
    """Only the agent's variable GATEWAY_PLAINTEXT, false by default, turns TLS off; a gateway listens with it."""
    agent, gateway = ((configurations / f"{kind}.yaml").read_text() for kind in ("agent", "gateway"))
    assert re.findall(r"insecure.*", agent) == ["insecure: ${env:GATEWAY_PLAINTEXT:-false}"]
    assert "insecure" not in gateway
    receivers = yaml.safe_load(gateway)["receivers"]
    listeners = [protocol for receiver in receivers.values() for protocol in receiver["protocols"].values()]
    assert len(listeners) == 3
    assert all(listener["tls"].keys() == {"cert_file", "key_file"} for listener in listeners)


def test_every_door_of_a_gateway_wants_a_token(configurations: Path) -> None:
    """What clients show opens 4317 and 4318, what gateways show each other opens 4319; both come from files."""
    gateway = yaml.safe_load((configurations / "gateway.yaml").read_text())
    doors = {
        f"{receiver}/{protocol}": settings["auth"]["authenticator"]
        for receiver, of in gateway["receivers"].items()
        for protocol, settings in of["protocols"].items()
    }
    clients, peers = "bearertokenauth/clients", "bearertokenauth/peers"
    assert doors == {"otlp/grpc": clients, "otlp/http": clients, "otlp/peers/grpc": peers}
    assert gateway["exporters"]["load_balancing"]["protocol"]["otlp"]["auth"] == {"authenticator": peers}
    assert {gateway["extensions"][name]["filename"] for name in (clients, peers)} == {
        "${env:CLIENT_TOKENS_FILE}",
        "${env:PEERS_TOKENS_FILE}",
    }


def test_what_is_sent_is_below_what_is_taken(configurations: Path) -> None:
    """Batches and queues are counted in bytes; a batch is below the 4 MiB of a receiver that nobody has configured."""
    agent, gateway = (yaml.safe_load((configurations / f"{kind}.yaml").read_text()) for kind in ("agent", "gateway"))
    for configuration in (agent, gateway):
        queue = configuration["exporters"]["otlp_grpc"]["sending_queue"]
        assert queue["sizer"] == "bytes"
        assert "sizer" not in queue["batch"]  # it is the queue's
        assert 0 < queue["batch"]["min_size"] < queue["batch"]["max_size"] < 0.9 * DEFAULT_LIMIT
    receivers = {"agent": agent["receivers"]["otlp"], "gateway": gateway["receivers"]["otlp"]}
    for receiver in receivers.values():
        assert receiver["protocols"]["grpc"]["max_recv_msg_size_mib"] * 2**20 == LARGEST_REQUEST
        assert receiver["protocols"]["http"]["max_request_body_size"] == LARGEST_REQUEST
    peers = gateway["receivers"]["otlp/peers"]["protocols"]["grpc"]
    assert peers["max_recv_msg_size_mib"] * 2**20 == 2 * LARGEST_REQUEST


def test_the_figures_are_about_what_is_shipped(configurations: Path) -> None:
    """What the benchmark assumes of the configurations is what they say, and the document's tables are its own."""
    agent, gateway = (yaml.safe_load((configurations / f"{kind}.yaml").read_text()) for kind in ("agent", "gateway"))
    queue_size = agent["exporters"]["otlp_grpc"]["sending_queue"]["queue_size"]
    assert queue_size == f"${{env:QUEUE_BYTES:-{benchmark.QUEUE_BYTES}}}"
    assert (
        gateway["processors"]["tail_sampling"]["decision_wait"]
        == f"${{env:DECISION_WAIT:-{benchmark.DECISION_SECONDS}s}}"
    )
    document = benchmark.DOCUMENT.read_text()
    measured = document[document.index(benchmark.BEGIN) : document.index(benchmark.END)]
    assert [f"| {' | '.join(benchmark.HEAD)} |" in measured, f"Collector {RELEASE}," in measured] == [True, True]


@pytest.mark.parametrize("go", ["", "go version go1.19.8 linux/amd64"])
def test_without_go_the_reason_is_told(go: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Go is missing, or too old to fetch a newer one, whoever wants the Collector is told so."""
    if go:
        (tmp_path / "go").write_text(f"#!/bin/sh\necho '{go}'\n")
        (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(build, "CACHE", tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match=r"Go, 1\.21 or newer"):
        build.collector()
