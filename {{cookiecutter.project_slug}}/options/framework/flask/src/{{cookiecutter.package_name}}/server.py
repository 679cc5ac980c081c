"""How the service is served: by Gunicorn, as gunicorn.conf.py says."""

import sys

from gunicorn.app.wsgiapp import run as gunicorn


def run() -> None:
    """Serve until SIGTERM or SIGINT, started in the folder that holds gunicorn.conf.py."""
    sys.argv = ["gunicorn", "--config", "gunicorn.conf.py", f"{__package__}.app:app"]
    gunicorn()
