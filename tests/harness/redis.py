"""A Redis server of a test's own: on a free port, and empty."""

import contextlib
import os
import shutil
import socket
import subprocess
from typing import Self

from .service import free_port
from .waiting import wait_until

COMMAND = shutil.which("redis-server")
MAY_SKIP = COMMAND is None and not os.environ.get("CI")  # there a test that needs it fails


class Redis:
    """A running `redis-server` that keeps nothing: `with Redis() as redis: ... redis.url`."""

    def __init__(self) -> None:
        """Choose a port, without starting anything."""
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait, 30 s at most, until it answers."""
        assert COMMAND, "redis-server is not installed"
        settings = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "appendonly": "no"}
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_until(self._answers, "an answer of redis-server")
        except TimeoutError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False
