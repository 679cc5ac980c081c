"""How the service is served: by Uvicorn, on HOST and PORT."""

import os

import uvicorn

from .telemetry import logs

# How long open requests may take after SIGTERM. Draining telemetry comes after it, and both together must fit
# into the grace period of the deployment.
GRACE_SECONDS = 15


def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if not (port.isdecimal() and int(port) < 65536):
        raise SystemExit(f"PORT must be a number from 0 to 65535, got {port!r}; the service does not start")
    logs.write_to_stdout()
    uvicorn.run(
        f"{__package__}.app:app",
        host=host,
        port=int(port),
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_config=None,  # Uvicorn's lines go where all lines go, with their trace's ids
        access_log=False,  # every request is a span already; a line would repeat it, query string included
    )
