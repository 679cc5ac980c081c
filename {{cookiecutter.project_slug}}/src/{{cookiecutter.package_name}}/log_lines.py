"""Log lines on standard output. Change their format here.

You may delete this file: without it log lines look the same.
"""

import logging
import sys

from .telemetry import log_formatter


def write_to_stdout() -> None:
    """Write the root logger's records, from INFO on, and Python's warnings to standard output.

    LOG_FORMAT chooses their format: text, or json as in the manifests. If the root logger already
    has handlers, they stay, and nothing is added.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(log_formatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.captureWarnings(True)
    # At INFO they log every URL with its query string.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
