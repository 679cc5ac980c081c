"""Fetch the template, and run its update program on this service: `make update ARGS=--help`."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HOSTS = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}


def recorded(name: str) -> str:
    """Return a text that the service's records hold, an empty one if none holds it."""
    for file in (".cruft.json", ".template/answers.json"):
        if not os.path.lexists(file):
            continue
        place = Path(file).resolve()
        if not place.is_relative_to(Path.cwd()):
            raise ValueError(f"{file} must be a file of the service, got a link to {place}")
        try:
            value = json.loads(place.read_bytes()).get(name) or ""
        except (OSError, ValueError, RecursionError, AttributeError) as error:
            raise ValueError(f"{file} must be JSON, an object: {error}") from None
        if not isinstance(value, str) or value.startswith("-"):
            raise ValueError(f"{name} in {file} must be text without a hyphen first, got {value!r}")
        if value:
            return value
    return ""


def git(folder: Path, *words: str) -> str:
    """Return what Git prints. Raise ValueError if it fails."""
    # Variables such as GIT_DIR lead to another repository. The protocol `ext` runs a command.
    env = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    safe = ["-c", "protocol.ext.allow=never", "-c", f"core.hooksPath={os.devnull}"]
    command = ["git", *safe, "-c", "protocol.fd.allow=never", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def fetch(template: str, clone: Path) -> None:
    """Clone the template. With a colon it is an address, otherwise a folder."""
    if not template:
        raise ValueError('no record names the template: make update ARGS="--template URL"')
    host, _, rest = template.partition(":")
    if host in HOSTS:
        template = f"https://{HOSTS[host]}/{rest}.git"
    folder = Path(re.sub("^file://(localhost)?", "", template)).resolve()
    top = git(Path.cwd(), "rev-parse", "--show-toplevel")
    if folder.exists() and folder.is_relative_to(top):
        raise ValueError(f"the template must not be in the service's own repository, got {folder}")
    address = template if ":" in template else str(folder)
    # Not in the service: there may be a link with the name of the address, and Git would take it.
    git(clone.parent, "clone", "--quiet", "--", address, str(clone))


def run(clone: Path) -> int:
    """Run the program in the service's folder; return its exit status. Signals are passed on."""
    program = clone / recorded("directory") / "update"
    if not program.is_dir() or not program.resolve().is_relative_to(clone.resolve()):
        program = clone / "update"
    if not program.is_dir():
        raise ValueError("the template has no folder `update`: its newest version is too old")
    command = [sys.executable, "-I", "-B", str(program), *sys.argv[1:], f"--clone={clone}"]
    with subprocess.Popen(command) as child:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: child.terminate())
        return child.wait()


def main() -> int:
    """Return the exit status of the program, or 2 if it cannot be started."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--template", default="")
    parser.add_argument("--clone", type=Path)
    asked, _ = parser.parse_known_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="update-", ignore_cleanup_errors=True) as scratch:
        clone = Path(scratch).resolve() / "template"
        try:
            # The programs of early 0.4.0 have made a clone when they start this file.
            if not asked.clone:
                fetch(asked.template or recorded("template"), clone)
            return run(asked.clone or clone)
        except (OSError, ValueError, RuntimeError, KeyboardInterrupt) as error:
            reason = re.sub(r"(?<=://)(?!git@)[^/\s]+@", "***@", str(error) or "interrupted")
            print(f"make update: {reason}. Nothing was changed.", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
