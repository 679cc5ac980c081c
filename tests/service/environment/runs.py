"""Runs the probe in a process of its own, with these variables, against receivers."""

import json
import socket
import socketserver
import subprocess
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ...harness.certificates import Authority
from ...harness.receiver import Fault, Receiver
from ...harness.service import clean_environment
from . import probe

Protocol = Literal["grpc", "http"]
Server = Literal["plain", "slow", "tls", "mutual"]

PACKAGE = "payment_service"
SLOW_SECONDS = 1.0  # after which a slow receiver answers


@dataclass(frozen=True)
class Run:
    """What decides over one run of the probe; `{...}` in a value stands for what run() knows."""

    protocol: Protocol
    variables: tuple[tuple[str, str], ...]
    server: Server = "plain"
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the receivers, stopped, the bytes that went over the wire, and what the probe printed."""

    run: Run
    status: int
    output: str
    receiver: Receiver
    other: Receiver
    wire: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What only the process itself could know."""
        line = next(line for line in self.output.splitlines() if line.startswith(probe.MARK))
        return dict(json.loads(line.removeprefix(probe.MARK)))

    @property
    def errors(self) -> list[str]:
        """The log lines of level ERROR."""
        return [line for line in self.output.splitlines() if " ERROR " in line]


class Relay(socketserver.ThreadingTCPServer):
    """Hands TCP connections on to a port of this machine and keeps what the clients sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Relayed)
        self.target = port
        self.sent: list[bytes] = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; connections end with the processes that opened them."""
        self.shutdown()
        self.server_close()
        self.thread.join(5)


class _Relayed(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target), 5) as there:
            back = threading.Thread(target=copy, args=(there, self.request, []), daemon=True)
            back.start()
            copy(self.request, there, self.server.sent)
            back.join(5)


def copy(source: socket.socket, target: socket.socket, kept: list[bytes]) -> None:
    """Copy bytes until an end closes, which closes the other."""
    source.settimeout(60)
    with suppress(OSError):
        while data := source.recv(1 << 16):
            kept.append(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def execute(run: Run, project: Path, authority: Authority) -> Outcome:
    """Run the probe in a process of its own; at most 60 s."""
    tls = authority if run.server in ("tls", "mutual") else None
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(run.protocol, tls=tls, mutual=run.server == "mutual"))
        client = authority.client()
        stranger = authority.server()
        other = stack.enter_context(Receiver(run.protocol))
        if run.server == "slow":
            receiver.fault = Fault.delay(SLOW_SECONDS)
        relay = stack.enter_context(Relay(receiver.port))
        known = {
            "endpoint": receiver.endpoint if tls else f"http://127.0.0.1:{relay.server_address[1]}",
            "address": f"127.0.0.1:{relay.server_address[1]}",
            "other": other.endpoint,
            "ca": authority.ca,
            "stranger": stranger.certificate,
            "certificate": client.certificate,
            "key": client.key,
            "protocol": {"grpc": "grpc", "http": "http/protobuf"}[run.protocol],
        }
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "{endpoint}"} | dict(run.variables)
        done = subprocess.run(
            [project / ".venv/bin/python", probe.__file__, PACKAGE, str(run.seconds)],
            cwd=project,
            env=clean_environment() | {name: value.format_map(known) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(run, done.returncode, done.stdout, receiver, other, b"".join(relay.sent))
