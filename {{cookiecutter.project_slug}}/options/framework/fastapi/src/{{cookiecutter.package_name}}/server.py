"""Runs the service with Uvicorn, on HOST and PORT."""

import logging
import os
import signal
import sys

import uvicorn

from . import telemetry

# How long open requests may take after SIGTERM. Telemetry is drained afterwards. Both together must
# fit into the deployment's grace period.
GRACE_SECONDS = 15


def plain(record: logging.LogRecord) -> bool:
    """Remove what Uvicorn adds to a record for terminals: it would be exported as an attribute."""
    record.__dict__.pop("color_message", None)
    return True


def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    host = os.environ.get("HOST", "127.0.0.1")
    port = os.environ.get("PORT", "8000")
    if not (port.isdecimal() and int(port) < 65536):
        expected = "PORT must be a number from 0 to 65535"
        raise SystemExit(f"{expected}, got {port!r}; the service does not start")
    # Uvicorn stops and then raises the signal again. By default that ends the process at once. As
    # an exit it lets atexit drain telemetry if a second signal has interrupted the lifespan.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores SIGHUP: leave that
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    logging.getLogger("uvicorn.error").addFilter(plain)
    telemetry.report()  # here, because worker processes inherit settings that are already corrected
    uvicorn.run(
        f"{__package__}.app:app",
        host=host,
        port=int(port),
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_config=None,  # Uvicorn's lines go where all lines go, with trace ids
        access_log=False,  # every request is a span; a line would repeat it with its query string
    )
