"""How Gunicorn serves: on HOST and PORT, with WEB_CONCURRENCY processes, telemetry started and drained in each.

Gunicorn reads this file in the folder in which it is started. What its command line says wins.
"""

import importlib
import os
import signal
from typing import Any

telemetry = importlib.import_module("{{ cookiecutter.package_name }}.telemetry")

host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
if not (port.isdecimal() and int(port) < 65536):
    raise SystemExit(f"PORT must be a number from 0 to 65535, got {port!r}; the service does not start")
bind = f"[{host}]:{port}"  # the brackets are for IPv6, and do no harm to others
worker_class = "asgi"
# What a worker gets after SIGTERM: 16 s for open requests, and 4 s to drain telemetry. The grace period of the
# deployment must be longer.
graceful_timeout = 20
keepalive = 1  # seconds that a client's idle connection stays open; the end waits for it
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a container's other folders may be read-only
control_socket_disable = True  # it would be a file in HOME, which a service need not have


def on_starting(server: Any) -> None:
    """Say once, and not in each worker, what is wrong with the settings."""
    telemetry.report()


def post_fork(server: Any, worker: Any) -> None:
    """Configure after the fork, in each worker: threads and connections do not survive it."""
    worker.cfg.set("graceful_timeout", max(1, int(server.cfg.graceful_timeout - telemetry.DEADLINE_SECONDS)))
    telemetry.configure()


def post_worker_init(worker: Any) -> None:
    """Let uvicorn-worker, should you choose it, stop on the SIGQUIT that follows a SIGINT: alone it only notes it."""
    worker.handle_exit = lambda *_: signal.raise_signal(signal.SIGTERM)


def worker_exit(server: Any, worker: Any) -> None:
    """Drain before the worker is gone, whether it was stopped, replaced or recycled."""
    telemetry.shutdown()
