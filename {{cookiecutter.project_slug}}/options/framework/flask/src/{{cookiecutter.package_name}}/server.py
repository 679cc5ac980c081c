"""Runs the service with Gunicorn, configured by gunicorn.conf.py."""

import sys

from gunicorn.app.wsgiapp import run as gunicorn


def run() -> None:
    """Serve until SIGTERM or SIGINT. Start this in the folder that has gunicorn.conf.py."""
    sys.argv = ["gunicorn", "--config", "gunicorn.conf.py", f"{__package__}.app:app"]
    gunicorn()
