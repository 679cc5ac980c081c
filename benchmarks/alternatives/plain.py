"""No telemetry, only the service's log lines."""

import logging
import sys

from fastapi import FastAPI


def instrument(app: FastAPI) -> None:
    """Do nothing."""


def configure() -> None:
    """Write log lines to standard output, and send nothing."""
    report()


def report() -> None:
    """Write the root logger's lines, from INFO on, to standard output, in the format of the real service."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def shutdown() -> None:
    """Do nothing."""
