"""Finds out why telemetry does not arrive, and says what to change."""

import os
import time
from typing import Any, NoReturn

from .. import resource
from ..masking import mask
from ..settings.variables import sdk_disabled
from . import choices, report
from .findings import Check, ok, status
from .path import PathCheck
from .process import ApplicationImport, incompatible_packages, other_setups
from .time_limits import LIMIT, SLOWEST_START

COULD_NOT_RUN = 2


def main(as_json: bool = False) -> NoReturn:
    """Print the report and end the process: 0 all well, 1 findings, 2 could not run."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's C core writes to stderr by itself
    report.log_to_stderr()
    service: dict[str, Any] = {}
    checks: list[Check] = []
    failed = ""
    try:
        service.update(resource.build().attributes)
        checks.extend(run_checks(_process_start() + LIMIT))
    except KeyboardInterrupt:
        failed = "interrupted"
    except Exception as error:  # noqa: BLE001, a person gets a sentence instead of a traceback
        failed = mask(f"{type(error).__name__}: {error}")
    result = COULD_NOT_RUN if failed else status(checks)
    found = report.Report(result, service, checks, failed)
    report.write(found, as_json)
    # Not sys.exit(): it would wait for threads that hang in the network.
    os._exit(result)


def run_checks(end: float) -> list[Check]:
    """Return all checks by `end`, a time of the monotonic clock.

    The slow ones wait for the network and for an import. They run while the others are made.
    """
    application = ApplicationImport()
    path = None if sdk_disabled() else PathCheck(end)
    if path:
        path.start()

    settings = choices.checks()
    if not settings:
        settings = [ok("settings", "settings")]

    process = [*other_setups(), *incompatible_packages()]
    process += application.checks(end)
    if not process:
        process = [ok("process", "process")]

    found = settings + process
    if path:
        found += path.checks()
    return found


def _process_start() -> float:
    """Return when this process started, by the monotonic clock.

    Without /proc the time until now is taken to be the CPU time that was used.
    """
    try:
        with open("/proc/self/stat") as file:
            _, _, after_name = file.read().rpartition(")")
        fields = after_name.split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # proc(5): starttime, since boot
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError, ValueError, IndexError):
        age = time.process_time()
    age = min(max(age, 0.0), SLOWEST_START)
    return time.monotonic() - age
