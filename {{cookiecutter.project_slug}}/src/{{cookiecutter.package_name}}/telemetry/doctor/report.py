"""Prints the report, as text or as JSON, and sends log lines to standard error."""

import io
import json
import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..masking import MASKED, mask
from ..start_line import line
from .findings import Check

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What the doctor has found."""

    status: int
    service: Mapping[str, Any]  # the attributes of the resource
    checks: list[Check]
    failed: str  # why the doctor could not run, or empty


def write(report: Report, as_json: bool) -> None:
    """Print a report to standard output, without secrets."""
    checks = [_masked(check) for check in report.checks]
    report = replace(report, checks=checks)
    text = as_document(report) if as_json else as_text(report)
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Some terminals cannot show every character.
            sys.stdout.reconfigure(errors="backslashreplace")
        print(text, flush=True)
    except OSError:
        pass  # `doctor | head -1` closes the pipe; the exit status still holds


def _masked(check: Check) -> Check:
    says = mask(check.says)
    return replace(check, says=says, fix=mask(check.fix))


def as_text(report: Report) -> str:
    """Return a report for a person: one line for each check, and a fix under each finding."""
    lines = [line(report.service), ""]
    for check in report.checks:
        lines.append(f"{check.level:<8} {check.about:<15} {check.says}")
        if check.fix:
            lines.append(f"{'fix:':>24} {check.fix}")
    lines.append("")
    lines.append(_verdict(report))
    return "\n".join(lines)


def _verdict(report: Report) -> str:
    if report.failed:
        return f"could not run: {report.failed}"
    findings = [check for check in report.checks if check.level == "finding"]
    if not findings:
        return "all well: telemetry arrives"
    return "1 finding" if len(findings) == 1 else f"{len(findings)} findings"


def as_document(report: Report) -> str:
    """Return a report for a program: one JSON object."""
    service = {}
    for name, value in report.service.items():
        if not name.startswith("telemetry."):
            service[name] = mask(str(value))
    document = {
        "status": report.status,
        "error": report.failed,
        "service": service,
        "checks": [asdict(check) for check in report.checks],
    }
    return json.dumps(document, indent=2)


class _OneLine(logging.Formatter):
    """Writes a record on one line, without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        text = " ".join(record.getMessage().split())
        return mask(f"{record.levelname} {record.name}: {text}")


def log_to_stderr() -> None:
    """Write log records, warnings and the errors of threads to standard error, on one line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    handler.addFilter(MASKED)
    logging.basicConfig(
        handlers=[handler],
        level=logging.WARNING,
        force=True,
    )
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # otherwise logging prints a traceback if stderr is closed
    threading.excepthook = _log_thread_error


def _log_thread_error(failure: threading.ExceptHookArgs) -> None:
    log.error("%s: %s", failure.exc_type.__name__, failure.exc_value)
