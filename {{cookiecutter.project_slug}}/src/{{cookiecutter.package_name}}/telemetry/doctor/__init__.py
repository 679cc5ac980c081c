"""The live proof: judges settings and process, sends one of each signal, and says in a sentence what to change."""

import io
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NoReturn

from .. import problems, resource
from ..masking import MASKED, mask
from ..settings import protocol, variables
from ..start_line import SIGNALS, line, variable
from .findings import Check, finding, note, problem, status
from .path import Path
from .process import Imported, around, packages

LIMIT = 11.5  # seconds from the start of the process, whatever the network does


def main(as_json: bool = False) -> NoReturn:
    """Print the report and end the process: 0 if all is well, 1 if there are findings, 2 if it could not run."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its C core writes to standard error by itself
    _log_to_stderr()
    checks: list[Check] = []
    who: dict[str, Any] = {}
    failed = ""
    try:
        who.update(resource.build().attributes)
        checks.extend(examine(_started() + LIMIT))
    except KeyboardInterrupt:
        failed = "interrupted"
    except Exception as error:  # noqa: BLE001, a person gets a sentence, and not a traceback
        failed = mask(f"{type(error).__name__}: {error}")
    result = 2 if failed else status(checks)
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that cannot show every character
        checks = [replace(check, says=mask(check.says), fix=mask(check.fix)) for check in checks]
        print((as_document if as_json else as_text)(who, checks, result, failed), flush=True)
    except OSError:
        pass  # whoever read it has gone, and the status still tells
    # Not sys.exit: a thread that hangs in the network would keep the process.
    os._exit(result)


def examine(end: float) -> list[Check]:
    """Return all checks; the slow ones, the network's and an import's, go on while the others are made."""
    imported = Imported()
    sends = os.environ.get("OTEL_SDK_DISABLED", "false").lower() != "true"
    path = Path(end) if sends else None
    if path:
        path.begin()
    found = [*_settings()] or [Check("settings", "ok", "settings", "every OTEL_* variable that is set can be used")]
    process = [*around(), *packages(), *imported.checks(end)]
    fine = Check("process", "ok", "process", "nobody else sets OpenTelemetry up, and its packages fit each other")
    found += process or [fine]
    return [*found, *(path.checks() if path else ())]


def _settings() -> Iterator[Check]:
    """Yield what is wrong with the settings: bad ones, and those by which a healthy service is silent."""
    for sentence in problems:
        yield problem(sentence.key, sentence)
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield finding("settings", "disabled")
    exporter = os.environ["OTEL_TRACES_EXPORTER"]
    if "otlp" not in exporter.lower():
        yield finding("settings", "no-exporter", value=exporter)
    sampler, share = os.environ["OTEL_TRACES_SAMPLER"], os.environ["OTEL_TRACES_SAMPLER_ARG"]
    if sampler.lower().endswith("always_off") or (
        sampler.lower().endswith("traceidratio") and float(share) * 2**64 < 1
    ):
        yield finding("settings", "samples-nothing", sampler=sampler, value=share)
    propagators = os.environ.get("OTEL_PROPAGATORS", "tracecontext,baggage")
    listed = [name.strip() for name in propagators.split(",")]
    if missing := [name for name in ("tracecontext", "baggage") if name not in listed]:
        yield finding("settings", "propagators-without", value=propagators, missing=" and ".join(missing))
    for signal in ("METRICS", "LOGS"):
        value = os.environ[f"OTEL_{signal}_EXPORTER"].lower()
        if "otlp" not in value and (value != "none" or signal == "METRICS"):
            yield note("settings", "signal-off", signal=signal, signals=signal.lower(), value=value)
    for name in sorted({variable(signal, "ENDPOINT") for signal in SIGNALS}) if protocol.PROTOCOL == "grpc" else ():
        if not re.match(r"(?i)https?://|(dns|ipv4|ipv6|unix):", os.environ[name]):
            yield note("settings", "bare-endpoint", endpoint=name)
    for name in sorted(os.environ):
        if name.startswith("OTEL_") and not variables.is_known(name):
            yield note("settings", "unread-variable", value=name)


def as_text(who: Mapping[str, Any], checks: Sequence[Check], result: int, failed: str) -> str:
    """Return the report for a person: a line a check, and a fix under each finding."""
    lines = [line(who), ""]
    for check in checks:
        lines.append(f"{check.level:<8} {check.about:<15} {check.says}")
        if check.fix:
            lines.append(f"{'fix:':>24} {check.fix}")
    count = sum(check.level == "finding" for check in checks)
    verdict = {0: "all well: telemetry arrives", 1: f"{count} finding{'s' * (count != 1)}"}
    return "\n".join([*lines, "", verdict.get(result, f"could not run: {failed}")])


def as_document(who: Mapping[str, Any], checks: Sequence[Check], result: int, failed: str) -> str:
    """Return the report for a machine: one JSON object."""
    service = {name: mask(str(value)) for name, value in who.items() if not name.startswith("telemetry.")}
    body = {"status": result, "error": failed, "service": service, "checks": [asdict(check) for check in checks]}
    return json.dumps(body, indent=2)


class _Line(logging.Formatter):
    """One line a record, without the traceback that may belong to it."""

    def format(self, record: logging.LogRecord) -> str:
        text = " ".join(record.getMessage().split())
        return mask(f"{record.levelname} {record.name}: {text}")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    handler.addFilter(MASKED)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    log = logging.getLogger(__name__)
    threading.excepthook = lambda failure: log.error("%s: %s", failure.exc_type.__name__, failure.exc_value)
    logging.raiseExceptions = False  # nor a traceback where standard error is closed


def _started() -> float:
    """Return when this process started, by the monotonic clock."""
    try:
        with open("/proc/self/stat") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        age = time.process_time()
    return time.monotonic() - min(max(age, 0.0), LIMIT - 3)  # a machine that starts so slowly needs some time still
