"""The command line of the update program."""

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .printing import masked, printable
from .repository import RefusedError, scratch_folder
from .update import Update

USAGE = """Apply the newest version of the template to this service. Exit 0 only if all is well.

make update                            the newest version of the template
make update ARGS="otlp_protocol=http"  another answer
make update-check                      what would change; exit 1 if anything would
"""
REFUSED = 2
INTERRUPTED = 130


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog="make update",
        description=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("answer", nargs="*", help="name=value: another answer")
    add("--check", action="store_true", help="change nothing; exit 1 if there is an update")
    add("--template", default="", metavar="URL", help="the template, if no record names it")
    add("--from", default="", metavar="COMMIT", dest="base", help="the service's own version")
    add("--to", default="HEAD", metavar="COMMIT", help="the wanted version, if not the newest")
    add("--without-tests", action="store_true", help="do not run the telemetry tests")
    add("--report", type=Path, metavar="FILE", help="write the result to this file, as JSON")
    # The starter in the service makes the clone.
    add("--clone", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Update or check the service in the working directory; return the exit status."""
    asked = arguments(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of files may hold bytes that are no text.
            stream.reconfigure(errors="backslashreplace")
    # SIGTERM ends the program as Ctrl-C does, so that the temporary folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.report:
        problem = unwritable(asked.report)
        if problem:
            say(f"--report must name a file that can be written: {problem}. Nothing was changed.")
            return REFUSED
    with scratch_folder("update-") as scratch:
        update = Update(asked, Path.cwd(), Path(scratch))
        status = run(update)
        if asked.report:
            text = json.dumps(update.report, indent=2)
            asked.report.write_text(f"{text}\n")
        return status


def run(update: Update) -> int:
    """Run an update; print why it stopped, if it did. Return the exit status."""
    try:
        return update.run()
    except KeyboardInterrupt:
        # The starter passes the signal on as well, and a second one would stop what follows.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        say(f"interrupted. {update.truth(interrupted=True)}")
        update.report["result"] = "refused"
        update.report["reason"] = "interrupted"
        return INTERRUPTED
    except (RefusedError, OSError) as error:
        reason = masked(str(error))
        say(f"{printable(reason)} {update.truth()}")
        update.report["result"] = "refused"
        update.report["reason"] = reason
        return REFUSED


def say(text: str) -> None:
    """Print a sentence to standard error."""
    print(f"make update: {text}", file=sys.stderr)


def unwritable(file: Path) -> str:
    """Make the folder of the report; return why the report cannot be written, or nothing."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return str(error)
    if file.is_dir():
        return f"{file} is a folder"
    if file.is_file() and file.stat().st_size and not is_report(file):
        return f"{file} is there, and is no report"
    place = file if file.exists() else file.parent
    if not os.access(place, os.W_OK):
        return f"{file} may not be written by you"
    return ""


def is_report(file: Path) -> bool:
    """Tell whether a file is the report of an earlier update, which may be replaced."""
    try:
        return "result" in json.loads(file.read_text())
    except (ValueError, TypeError, RecursionError):
        return False
