"""How the service is served: by Uvicorn, on HOST and PORT."""

import logging
import os
import signal
import sys

import uvicorn

from . import telemetry

# How long open requests may take after SIGTERM. Draining telemetry comes after it, and both together must fit
# into the grace period of the deployment.
GRACE_SECONDS = 15


def plain(record: logging.LogRecord) -> bool:
    """Take out of a line what Uvicorn adds to it for terminals, and what would be sent as an attribute."""
    record.__dict__.pop("color_message", None)
    return True


def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if not (port.isdecimal() and int(port) < 65536):
        raise SystemExit(f"PORT must be a number from 0 to 65535, got {port!r}; the service does not start")
    # Uvicorn stops, and then raises the signal again. Taken as an exit it lets atexit drain what a second signal has
    # kept the lifespan from draining; by default it would end the process at once.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # that would be nohup's wish
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    logging.getLogger("uvicorn.error").addFilter(plain)
    telemetry.report()  # Uvicorn may start other processes, and they find the environment already put right
    uvicorn.run(
        f"{__package__}.app:app",
        host=host,
        port=int(port),
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_config=None,  # Uvicorn's lines go where all lines go, with their trace's ids
        access_log=False,  # every request is a span already; a line would repeat it, query string included
    )
