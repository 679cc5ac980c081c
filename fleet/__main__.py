"""Check or update many services: `python3 -m fleet check services.txt`.

The list has one repository a line, a path or an address as Git takes it; # begins a comment. Each is cloned and updated in
the clone, on the branch `template-update`; only --push sends that branch back. Exit 0 only if none needs a person.

A template's program and hooks run on this machine, so a service may not choose the template: what its record names is used
only if it is this repository, as a folder or by the address of a remote. --template names any other one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from update import address, printing, records
from update.repository import RefusedError

BRANCH = "template-update"
ROOT = Path(__file__).resolve().parents[1]
# It starts the newest update program, as in a service.
PROGRAM = ROOT / "{{cookiecutter.project_slug}}" / ".template" / "update.py"
GOOD = {"current", "updated"}
# A clone holds whatever a service's people put there: no hook of it is run.
GIT = ("git", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false")

# What this command, and the weekly workflow, call their commits.
OURS = re.compile(r"(CONFLICTS in \d+: |TESTS FAIL: |UNCERTAIN: )?Update to template .*")

Row = dict[str, Any]


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="fleet", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=("check", "update"))
    parser.add_argument("list", type=Path, help="a file with one repository a line")
    parser.add_argument("answer", nargs="*", help="name=value: an answer that all services shall have")
    parser.add_argument("--template", default="", metavar="URL", help="where the template is, if not where it was")
    parser.add_argument("--push", action="store_true", help=f"push the branch {BRANCH} of each service that changed")
    parser.add_argument(
        "--test", action="store_true", help="run each service's telemetry tests too; its CI will anyway"
    )
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="keep the clones there, to be looked at")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (%(default)s)")
    return parser.parse_args(given)


def repositories(file: Path) -> list[str]:
    """Return the repositories of a list, each once; paths are seen from the list's folder."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    names = [str(file.parent / line) if (file.parent / line).exists() else line for line in lines if line]
    return list(dict.fromkeys(names))


def template(clone: Path, asked: argparse.Namespace) -> str:
    """Return the template of a service, an empty text if its records name none.

    Raise RefusedError for a template that is not this repository: a service must not choose what runs here, not even
    another checkout on this machine.
    """
    if asked.template:
        return str(asked.template)
    named = records.named(clone)
    if not named:
        return ""
    path = Path(address.FILE.sub("", named))
    if path.is_absolute() and path.resolve() == ROOT:
        return str(ROOT)
    remotes = run(ROOT, *GIT, "remote", "-v").stdout.splitlines()
    own = {line.split()[1] for line in remotes}
    same = address.identity(named)
    if (named in own and ":" in named) or (same and same in {address.identity(url) for url in own}):
        return named
    raise RefusedError(
        f"its record names the template {printing.shown(named)}, which is neither this repository nor a remote of it. "
        f"If it is the right one: --template {printing.masked(named)}"
    )


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder. Nothing in that folder is found in place of a command or of a Python module."""
    unset = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "PYTHONPATH"}
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    paths = clean.get("PATH", os.defpath).split(os.pathsep)
    clean["PATH"] = os.pathsep.join(path for path in paths if os.path.isabs(path))
    return subprocess.run(
        command, cwd=folder, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def treat(repository: str, folder: Path, asked: argparse.Namespace) -> Row:
    """Check or update one repository in a clone; return its row of the table."""
    row: Row = {"repository": repository, "version": "?", "behind": None, "result": "failed", "reason": ""}
    clone, report = folder / "clone", folder / "report.json"
    folder.mkdir(parents=True)
    cloned = run(folder, *GIT, "clone", "-q", "--", repository, str(clone))
    if cloned.returncode:
        return row | {"reason": cloned.stderr.strip()}
    run(clone, *GIT, "switch", "-q", "-C", BRANCH)
    try:
        source = template(clone, asked)
    except RefusedError as reason:
        return row | {"result": "refused", "reason": str(reason)}
    options = ["--report", str(report), *(["--check"] if asked.command == "check" else [])]
    options += [f"--template={source}"] if source else []
    options += [] if asked.test else ["--without-tests"]
    done = run(clone, sys.executable, str(PROGRAM), *asked.answer, *options)
    (folder / "log.txt").write_text(done.stdout + done.stderr)
    if not report.exists():  # the program was not started
        return row | {"result": "refused" if done.returncode == 2 else "failed", "reason": done.stderr.strip()}
    told = json.loads(report.read_text())
    row |= {
        name: told.get(name) for name in ("result", "behind", "reason", "settle", "told", "from", "to") if name in told
    }
    row["version"] = told["from"].get("version", "?")
    if row["result"] in {"updated", "conflicts", "tests failed", "moved"}:
        row |= handed_on(clone, told, asked.push)
    return row


def handed_on(clone: Path, told: Mapping[str, Any], push: bool) -> Row:
    """Commit an update on its branch, conflicts and all, under a title that says so; push it if that was asked for."""
    for command in (["add", "--all"], ["commit", "-q", "-m", told["title"], "-m", told["body"]]):
        done = run(clone, *GIT, *command)
        if done.returncode:
            return {"result": "failed", "reason": done.stderr.strip()}
    if push:
        if theirs := persons_commits(clone):
            return {"result": "failed", "reason": f"{BRANCH} has commits of a person, not overwritten: {theirs}"}
        done = run(clone, *GIT, "push", "-q", "--force", "origin", f"HEAD:refs/heads/{BRANCH}")
        if done.returncode:
            return {"result": "failed", "reason": done.stderr.strip()}
    return {"pushed": push}


def persons_commits(clone: Path) -> str:
    """Return the subjects of what people have committed on the branch, which a push would throw away."""
    shown = run(clone, *GIT, "log", "--format=%s", f"HEAD..origin/{BRANCH}", "--")
    subjects = shown.stdout.splitlines() if not shown.returncode else []
    return "; ".join(subject for subject in subjects if not OURS.fullmatch(subject))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a person reads them."""
    heads = ("repository", "version", "behind by", "result")
    lines = [heads]
    for row in rows:
        behind = "-" if row["behind"] is None else f"{row['behind']} commits"
        reason = re.sub(r"\s+", " ", row.get("reason") or "")
        result = row["result"] + (f" ({', '.join(row['settle'])})" if row.get("settle") else "")
        result = printing.one_line(result + (f": {reason}" if reason else ""))
        lines.append((row["repository"], row["version"], behind, result))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]) for line in lines
    )


def main(given: Sequence[str]) -> int:
    """Treat all repositories, print how it goes and what came of it; return 1 if any needs a person."""
    asked = arguments(given)
    if asked.template and Path(asked.template).exists():  # a relative path would be a folder of each service
        asked.template = str(Path(asked.template).resolve())
    elif asked.template and ":" not in asked.template:
        print(f"--template must be a folder or an address, got {asked.template!r}. Nothing was done.", file=sys.stderr)
        return 2
    if asked.report:
        asked.report.parent.mkdir(parents=True, exist_ok=True)
    names = repositories(asked.list)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(prefix="fleet-") as temporary:
        into = asked.into or Path(temporary)
        folders = {name: into / f"{n:03d}-{Path(name).name.removesuffix('.git')}" for n, name in enumerate(names, 1)}
        if taken := [str(folder) for folder in folders.values() if folder.exists()]:
            print(f"{taken[0]} exists already: give --into an empty folder. Nothing was done.", file=sys.stderr)
            return 2
        with ThreadPoolExecutor(max(1, asked.jobs)) as pool:
            futures = {pool.submit(treat, name, folder.resolve(), asked): name for name, folder in folders.items()}
            for future in as_completed(futures):
                row = rows[futures[future]] = future.result()
                print(
                    f"[{len(rows):{len(str(len(names)))}}/{len(names)}] {row['repository']}: {row['result']}",
                    flush=True,
                )
    ordered = [rows[name] for name in names]
    print(f"\n{table(ordered)}")
    if asked.report:
        asked.report.write_text(json.dumps(ordered, indent=2) + "\n")
    waiting = [row for row in ordered if row["result"] not in GOOD]
    pushed = sum(bool(row.get("pushed")) for row in ordered)
    print(
        f"\n{len(ordered)} repositories, {len(waiting)} need a person; {pushed} pushed"
        + ("" if asked.push else " (no --push)")
    )
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
