"""Log lines on standard output. Change their format here.

You may delete this file: without it log lines look the same.
"""

import logging
import sys

from .telemetry import TraceFormatter


def write_to_stdout() -> None:
    """Write the root logger's records, from INFO on, to standard output.

    If the root logger already has handlers, nothing changes.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TraceFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # At INFO they log every URL with its query string.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
