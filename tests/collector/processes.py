"""Runs the shipped configurations, unchanged, on loopback: addresses, folders and certificates are their variables."""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..harness.certificates import Authority
from ..harness.service import free_port
from ..harness.waiting import wait_until

BACKEND = Path(__file__).with_name("backend.yaml")
LOCAL = "127.0.0.1"


class Collector:
    """A running Collector: `with Collector(binary, config, folder, NAME="value") as agent: ...`; it can start again."""

    def __init__(self, binary: Path, configuration: Path, folder: Path, *arguments: str, **variables: str) -> None:
        """Prepare, without starting, a Collector that keeps its queue and its log in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.health, self.metrics = free_port(), free_port()
        self.log = folder / "log"
        self.variables = {
            "HEALTH_ADDRESS": f"{LOCAL}:{self.health}",
            "METRICS_PORT": str(self.metrics),
            "QUEUE_DIRECTORY": str(folder / "queue"),
        } | variables
        self._command = [str(binary), f"--config={configuration}", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start and wait, 30 s at most, until it is healthy."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        self.kill()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, or start again, with the queue that was left."""
        with self.log.open("ab") as log:
            environment = {"PATH": os.environ["PATH"]} | self.variables
            self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=log)
        with suppress(TimeoutError):
            wait_until(lambda: self._healthy() or self._ended(), "a healthy Collector", 30, pause=0.05)
        if not self._healthy():
            self.kill()
            raise RuntimeError(f"the Collector did not become healthy:\n{self.log.read_text()}")

    def _healthy(self) -> bool:
        return self._get(self.health, "/")[0] == 200

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> float:
        """End it by SIGTERM; return the seconds that it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def exposition(self) -> str:
        """Return its own metrics, in Prometheus' words."""
        return self._get(self.metrics, "/metrics")[1]

    def scrape(self) -> dict[str, float]:
        """Return its own metrics, with the series of a name added up."""
        found: dict[str, float] = defaultdict(float)
        for line in self.exposition().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name.partition("{")[0]] += float(value)
        return dict(found)

    def _get(self, port: int, path: str) -> tuple[int, str]:
        try:
            with closing(http.client.HTTPConnection(LOCAL, port, timeout=5)) as connection:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
        except OSError:
            return 0, ""


@dataclass(frozen=True)
class Arrived:
    """One span as the backend keeps it, and which gateway has sent it."""

    gateway: str
    trace_id: str
    span_id: str
    name: str
    resource: frozenset[tuple[str, str]] = field(repr=False)


class Pipeline:
    """An agent, two gateways and a backend that writes what each gateway sends into a file of its own."""

    def __init__(self, binary: Path, configurations: Path, folder: Path, **gateway: str) -> None:
        """Prepare all four; `gateway` are variables of both gateways."""
        authority = Authority(folder)
        certificate, key = authority.server()
        self.ca = authority.ca
        tls = {"TLS_CERT_FILE": str(certificate), "TLS_KEY_FILE": str(key)}
        self.token, self.peers_token = secrets.token_hex(32), secrets.token_hex(32)
        self.client_tokens, self.peers_tokens = folder / "client-tokens", folder / "peers-tokens"
        self.client_tokens.write_text(f"{self.token}\n")
        self.peers_tokens.write_text(f"{self.peers_token}\n")
        backends, fronts, peers = ([free_port(), free_port()] for _ in range(3))
        self.files = {name: folder / f"{name}.jsonl" for name in ("one", "two")}
        receivers = {
            f"{name.upper()}_ADDRESS": f"{LOCAL}:{port}" for name, port in zip(self.files, backends, strict=True)
        }
        files = {f"{name.upper()}_FILE": str(path) for name, path in self.files.items()}
        self.backend = Collector(binary, BACKEND, folder / "backend", **tls, **receivers, **files)
        self.fronts = [f"{LOCAL}:{port}" for port in fronts]
        self.peers = [f"{LOCAL}:{port}" for port in peers]
        self.gateways = [
            Collector(
                binary,
                configurations / "gateway.yaml",
                folder / name,
                GRPC_ADDRESS=self.fronts[number],
                HTTP_ADDRESS=f"{LOCAL}:{free_port()}",
                PEERS_ADDRESS=self.peers[number],
                PEERS=json.dumps({"static": {"hostnames": self.peers}}),
                PEERS_SERVER_NAME="localhost",
                PEERS_CA_FILE=str(self.ca),
                BACKEND_ENDPOINT=f"{LOCAL}:{backends[number]}",
                BACKEND_CA_FILE=str(self.ca),
                CLIENT_TOKENS_FILE=str(self.client_tokens),
                PEERS_TOKENS_FILE=str(self.peers_tokens),
                **tls,
                **gateway,
            )
            for number, name in enumerate(self.files)
        ]
        self.grpc, self.http = free_port(), free_port()
        self.agent = Collector(
            binary,
            configurations / "agent.yaml",
            folder / "agent",
            GRPC_ADDRESS=f"{LOCAL}:{self.grpc}",
            HTTP_ADDRESS=f"{LOCAL}:{self.http}",
            GATEWAY_ENDPOINT=self.fronts[0],
            GATEWAY_CA_FILE=str(self.ca),
            GATEWAY_TOKEN=self.token,
        )

    def __enter__(self) -> Self:
        """Start them, those that receive first; if one does not start, none is left running."""
        try:
            for collector in self.all:
                collector.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        for collector in self.all:
            collector.kill()

    @property
    def all(self) -> list[Collector]:
        """Return the backend, both gateways and the agent."""
        return [self.backend, *self.gateways, self.agent]

    def span_ids(self) -> set[str]:
        """Return the ids of the spans that have come out of a gateway; fast, for many megabytes."""
        found: set[str] = set()
        for path in self.files.values():
            if path.exists():
                found.update(re.findall(r'"spanId":"(\w+)"', path.read_text()))
        return found

    def spans(self) -> Iterator[Arrived]:
        """Yield each span that has come out of a gateway, as often as it has."""
        for gateway, path in self.files.items():
            for line in path.read_text().splitlines() if path.exists() else ():
                try:
                    resources = json.loads(line).get("resourceSpans", ())
                except json.JSONDecodeError:  # the last line, while it is written
                    continue
                for resource in resources:
                    about = frozenset(_attributes(resource["resource"]))
                    for scope in resource["scopeSpans"]:
                        for span in scope["spans"]:
                            yield Arrived(gateway, span["traceId"], span["spanId"], span["name"], about)

    def traces(self) -> dict[str, list[Arrived]]:
        """Return the spans of each trace that has come out of a gateway, each once for each gateway."""
        found: dict[str, set[Arrived]] = defaultdict(set)
        for span in self.spans():
            found[span.trace_id].add(span)
        return {trace: sorted(spans, key=lambda span: span.name) for trace, spans in found.items()}


def _attributes(resource: Any) -> Iterator[tuple[str, str]]:
    for attribute in resource.get("attributes", ()):
        yield attribute["key"], str(next(iter(attribute["value"].values())))
