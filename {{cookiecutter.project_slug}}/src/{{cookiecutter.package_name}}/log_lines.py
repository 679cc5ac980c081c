"""Log lines on standard output: how they look is yours to decide.

You may delete this file: what it says is also the default.
"""

import logging
import sys

from .telemetry import TraceFormatter


def write_to_stdout() -> None:
    """Send the root logger's lines, from INFO on, to standard output.

    A root logger that has handlers stays as it is.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TraceFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # At INFO httpx writes every URL with its query string.
    logging.getLogger("httpx").setLevel(logging.WARNING)
