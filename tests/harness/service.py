"""Renders, installs, starts and stops a generated service, as its user would: by its own commands."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Self

from cookiecutter.main import cookiecutter

from .waiting import wait_until

TEMPLATE = Path(__file__).resolve().parents[2]


def render(into: Path, *, directory: str | None = None, **answers: str) -> Path:
    """Render the template into a folder below `into`, with defaults for what is not answered; return the folder.

    `directory` names the other template of the repository, as Cookiecutter's option does.
    """
    with tempfile.TemporaryDirectory() as private:  # nothing is read from, or left in, the person's own folders
        config = Path(private, "config.yaml")
        config.write_text(json.dumps({"cookiecutters_dir": f"{private}/c", "replay_dir": f"{private}/r"}))
        return Path(
            cookiecutter(
                str(TEMPLATE),
                directory=directory,
                no_input=True,
                extra_context=answers,
                output_dir=str(into),
                config_file=str(config),
            )
        )


def clean_environment(proxies: bool = False) -> dict[str, str]:
    """Return this process's environment without what would decide over the service: OTEL_*, its venv, proxies."""
    ours = ("OTEL_", "VIRTUAL_ENV", "PYTHON", "UV_PROJECT", "HOST", "PORT", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {name: value for name, value in kept.items() if proxies or not name.lower().endswith("_proxy")}


def uv(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run uv in the project; the result holds its exit status and all that it printed."""
    return subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        cwd=project,
        env=clean_environment(proxies=True) | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def install(project: Path, *options: str) -> Path:
    """Run `uv sync` in the project and return the project; raise RuntimeError with uv's words if it fails."""
    synced = uv(project, "sync", "--python", sys.executable, "--quiet", *options)
    if synced.returncode:
        raise RuntimeError(f"uv sync in {project} failed:\n{synced.stdout}")
    return project


_given: set[int] = set()


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nothing listens on, and that no outgoing connection will be given.

    No port is given twice in this process: what asked for the first may not have bound it yet.
    """
    while True:
        port = random.randrange(20000, 32000)  # below what kernels give to connections
        with closing(socket.socket()) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


class Service:
    """A running service: `with Service(project, OTEL_...="...") as service: service.post(4999)`.

    It is started by its console script, in its own process group, with a clean environment and the variables
    given; leaving the block ends it, whatever state it is in. `output` is what it has printed so far.
    """

    def __init__(self, project: Path, *command: str, ready: str | None = "/readyz", **variables: str) -> None:
        """Prepare, without starting, `command` (the console script if none is given) on a free port, its `{port}`."""
        self.port = free_port()
        self._ready = ready
        arguments = [argument.replace("{port}", str(self.port)) for argument in command[1:]]
        self._command = [str(project / ".venv" / "bin" / (command or (project.name,))[0]), *arguments]
        self._project = project
        self._variables = variables
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed by __exit__
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def __enter__(self) -> Self:
        """Start the service and wait, 30 s at most, until it is ready."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self._command,
            cwd=self._project,
            env=clean_environment() | {"PORT": str(self.port)} | self._variables,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self._ready:
            self._wait_until_ready(self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        self.kill()
        self._log.close()

    @property
    def pid(self) -> int:
        """The process id of the console script."""
        assert self.process is not None
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything printed so far, standard error included."""
        return os.pread(self._log.fileno(), 1 << 24, 0).decode(errors="replace")

    def kill(self) -> None:
        """End the whole process group at once."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(timeout=10)

    def stop(self, by: signal.Signals = signal.SIGTERM, timeout: float = 60) -> float:
        """Send the signal, wait for the end and return the seconds that it took."""
        assert self.process is not None
        began = time.monotonic()
        self.signal(by)
        self.process.wait(timeout)
        return time.monotonic() - began

    def signal(self, by: signal.Signals) -> None:
        """Send the signal to the process that was started, and to no child of it."""
        os.kill(self.pid, by)

    @property
    def processes(self) -> dict[int, tuple[str, int]]:
        """The processes of the service that have not ended: id, state and the time that each has computed, in ticks."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has just ended
                state, _, _, session, *rest = path.read_text().rpartition(")")[2].split()
                if int(session) == self.pid and state not in "ZX":
                    found[int(path.parent.name)] = state, int(rest[7]) + int(rest[8])
        return found

    def wait_until_quiet(self, processes: int, timeout: float = 60) -> None:
        """Wait until at least so many processes are there and none has computed anything for a third of a second.

        A worker that is still importing its application is not yet one that can be stopped well.
        """
        before = self.processes
        quiet_since = time.monotonic()

        def is_quiet() -> bool:
            nonlocal before, quiet_since
            now = self.processes
            if now != before or len(now) < processes or {state for state, _ in now.values()} != {"S"}:
                before = now
                quiet_since = time.monotonic()
            return time.monotonic() - quiet_since >= 0.33

        wait_until(is_quiet, f"{processes} quiet processes", timeout, 0.05, seen=lambda: f"{before}\n{self.output}")

    def connect(self) -> http.client.HTTPConnection:
        """Return a keep-alive connection to the service."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> tuple[int, Any]:
        """Send one request, `body` as JSON; return the status and the answer, decoded if it is JSON."""
        with closing(self.connect()) if connection is None else nullcontext(connection) as sent:
            payload = None if body is None else json.dumps(body)
            sent.request(method, path, payload, {"content-type": "application/json", **(headers or {})})
            answer = sent.getresponse()
            text = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(text) if is_json else text.decode()

    def post(self, amount_cents: Any, **options: Any) -> int:
        """POST /transactions and return the status."""
        return self.request("POST", "/transactions", {"amount_cents": amount_cents}, **options)[0]

    def _wait_until_ready(self, path: str) -> None:
        assert self.process is not None
        process = self.process

        def has_ended_or_answers() -> bool:
            return process.poll() is not None or self._answers(path)

        try:
            wait_until(has_ended_or_answers, f"the service to answer {path}", seen=lambda: self.output)
        except TimeoutError:
            self.kill()
            raise
        if process.poll() is not None:
            self.kill()  # what it may have started is left running
            raise RuntimeError(f"the service ended before it was ready:\n{self.output}")

    def _answers(self, path: str) -> bool:
        try:
            return self.request("GET", path)[0] == 200
        except OSError:
            return False
