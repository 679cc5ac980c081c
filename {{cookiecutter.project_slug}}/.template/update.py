"""Adopt the template's newer version, and tell the truth about it: exit 0 only if all is well.

make update                            the newest version of the template
make update ARGS="otlp_protocol=http"  another answer, of this or the newest version
make update-check                      what would change; exit 1 if anything would
"""

import argparse
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

import evidence
import merge as merging
import origin as origins
import verdict as verdicts
from merge import RefusedError, git
from origin import FIXED

HERE = Path(__file__).resolve().parent
COOKIECUTTER = "2.7.1"


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answer", nargs="*", help="name=value: give an answer anew")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if there is something to adopt")
    parser.add_argument("--template", default="", metavar="URL", help="where the template is, if not where it was")
    parser.add_argument("--from", default="", metavar="COMMIT", dest="base", help="what the service was made from")
    parser.add_argument("--to", default="HEAD", metavar="COMMIT", help="the version to adopt, if not the newest")
    parser.add_argument("--without-tests", action="store_true", help="leave the telemetry tests to somebody else")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the verdict there, as JSON")
    parser.add_argument("--clone", type=Path, help=argparse.SUPPRESS)  # the template, already fetched
    return parser.parse_args(given)


class Update:
    """One update of the service in the working directory."""

    def __init__(self, asked: argparse.Namespace, scratch: Path) -> None:
        self.asked, self.scratch, self.service = asked, scratch, Path.cwd()
        self.placed = False  # whether anything of the service was changed
        self.before = ("", "", "")  # what the service was at
        self.report: dict[str, Any] = {"result": "refused", "from": {}, "to": {}, "settle": {}, "told": []}
        # Nothing of the person's own Cookiecutter is read or written, nor left in the temporary folder.
        config = scratch / "config.json"
        config.write_text(json.dumps({"cookiecutters_dir": f"{scratch}/c", "replay_dir": f"{scratch}/r"}))
        self.environment = merging.ENVIRONMENT | {"COOKIECUTTER_CONFIG": str(config), "TMPDIR": str(scratch)}
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"

    def run(self) -> int:
        """Do it, step by step; return the exit status."""
        self.look()
        self.fetch()
        if (status := self.hand_over()) is not None:
            return status
        self.describe()
        self.choices()
        merged = self.merge(*self.render(self.wanted()))
        if marked := self.markers(merged):
            return marked
        self.compare(merged)
        if merged.base == merged.theirs and (self.origin.memory or self.asked.check):
            print(f"up to date: nothing in this service changes up to {self.name(self.new)}")
            self.report |= {"result": "current", "behind": 0}
            return 0
        self.show(merged)
        if self.asked.check:
            self.report["result"] = "behind"
            return 1
        if self.state() != self.before:
            raise RefusedError(
                "the service changed while this ran: another commit, branch, index or file. Run it again."
            )
        merging.put(merged, self.prefix, self.head)
        self.placed = True
        return self.verdict(merged)

    def look(self) -> None:
        """Refuse what could not be taken back, and what the service says of itself where that cannot be right."""
        try:
            inside = git(self.service, "rev-parse", "--show-toplevel", "--show-prefix").split("\n")
        except RefusedError as reason:
            if "dubious ownership" in str(reason):
                raise RefusedError(
                    "the repository belongs to another user, so Git does not open it. If you trust it: "
                    f"git config --global --add safe.directory {shlex.quote(str(self.service))}"
                ) from None
            raise RefusedError("the service must be in a Git repository, and committed.") from None
        if not git(self.service, "rev-parse", "--verify", "-q", "HEAD", fails=(1,)):
            raise RefusedError("the service must be in a Git repository, and committed.")
        self.top, self.prefix = Path(inside[0]), inside[1]
        if git(self.top, "rev-parse", "-q", "--verify", "MERGE_HEAD", fails=(1, 128)):
            raise RefusedError("a merge is under way: commit it first, or git merge --abort.")
        if git(self.top, "config", "--bool", "core.sparseCheckout", fails=(1,)).strip() == "true":
            raise RefusedError("a sparse checkout hides files that change: git sparse-checkout disable.")
        self.before = self.state()
        self.head, self.branch, dirty = self.before
        if dirty:
            raise RefusedError(f"commit or stash first, so that the update can be taken back:\n{dirty.rstrip()}")
        self.origin = origins.of(self.service, self.top, self.asked.template, self.asked.base, self.given())
        self.ours = git(
            self.top, "rev-parse", f"{self.head}:{self.prefix}" if self.prefix else self.head + "^{tree}"
        ).strip()

    def state(self, untracked: str = "normal") -> tuple[str, str, str]:
        """Return what the service is at: the commit, the branch, and what differs from the commit."""
        head = git(self.top, "rev-parse", "HEAD").strip()
        branch = git(self.top, "symbolic-ref", "-q", "HEAD", fails=(1,)).strip()
        status = git(self.top, "status", "--porcelain", f"--untracked-files={untracked}", merging=False)
        return head, branch, status

    def given(self) -> dict[str, str]:
        """Return the answers on the command line."""
        pairs = {}
        for text in self.asked.answer:
            name, equals, value = text.partition("=")
            if not equals:
                raise RefusedError(f"an answer must be NAME=VALUE, got {text!r}.")
            pairs[name] = value
        return pairs

    def fetch(self) -> None:
        """Get the template, and find the two commits."""
        self.clone = self.asked.clone or self.scratch / "template"
        if not self.asked.clone:
            # From the scratch folder: Git takes an address for a path where the service has a link of that name.
            git(self.scratch, "clone", "-q", "--", self.origin.url, str(self.clone), merging=False)
        self.new = self.commit(self.asked.to)
        if self.origin.commit:
            self.old = self.commit(self.origin.commit)
        else:
            self.old, *alike = evidence.commits(self.clone, self.top, self.prefix, self.origin.answers)
            if alike:
                self.old = self.nearest([self.old, *alike])

    def commit(self, name: str) -> str:
        """Return a commit of the template in full."""
        if not origins.COMMIT.fullmatch(name):
            raise RefusedError(f"a commit must be named by letters, digits and ./+@^~-, got {name!r}.")
        found = git(self.clone, "rev-parse", "-q", "--verify", name + "^{commit}", fails=(1, 128)).strip()
        found = (
            found
            or git(self.clone, "rev-parse", "-q", "--verify", f"origin/{name}^" + "{commit}", fails=(1, 128)).strip()
        )
        if not found:
            raise RefusedError(
                f"{name} is no commit of {self.origin.url}. --from COMMIT names what the service was made from."
            )
        return found

    def hand_over(self) -> int | None:
        """Let the newest version of this program do the work: its mistakes are mended before they are met."""
        projects = sorted(self.checkout(self.new).glob("{*"))
        if not projects:
            raise RefusedError(f"{self.origin.url} holds no template of Cookiecutter.")
        newest = projects[0] / HERE.name
        names = {path.name for folder in (HERE, newest) for path in folder.glob("*.py")}
        same = all((newest / name).is_file() and (HERE / name).is_file() for name in names)
        same = same and all((newest / name).read_bytes() == (HERE / name).read_bytes() for name in names)
        if self.asked.clone or not (newest / "update.py").is_file() or same:
            return None
        command = [sys.executable, str(newest / "update.py"), *sys.argv[1:], "--clone", str(self.clone)]
        sys.stdout.flush()
        with subprocess.Popen(command) as child:
            try:
                status = child.wait()
            except KeyboardInterrupt:  # it says itself how far it came
                child.terminate()
                status = child.wait()
        self.asked.report = None  # it has been written
        return status

    def checkout(self, commit: str) -> Path:
        """Return the folder of a commit of the template."""
        folder = self.scratch / commit[:12]
        if not folder.exists():
            git(self.clone, "worktree", "add", "-q", "--detach", "--force", str(folder), commit)
        place = folder / self.origin.directory
        if not place.is_dir() or not place.resolve().is_relative_to(folder.resolve()):
            raise RefusedError(
                f"directory in {origins.MEMORY} must be a folder inside the template, got {self.origin.directory!r}."
            )
        return place

    def name(self, commit: str) -> str:
        """Return the version of a commit and the commit."""
        return f"{self.version(commit)} ({commit[:7]})"

    def version(self, commit: str) -> str:
        """Return the version of a commit; before 0.4.0 only the changelog tells."""
        folder = self.checkout(commit)
        version = questions(folder)[0].get("__template_version")
        return str(version or next((number for number, _ in entries(folder)), "0"))

    def wanted(self) -> dict[str, Any]:
        """Return the answers that were given anew; refuse those that nobody can give."""
        offered = origins.public(questions(self.checkout(self.new))[0])
        wanted = {}
        for name, value in self.given().items():
            if name not in offered:
                raise RefusedError(
                    f"an answer must be NAME=VALUE with a NAME of {', '.join(offered)}, got {f'{name}={value}'!r}."
                )
            if name in FIXED and value != self.origin.answers.get(name):
                raise RefusedError(f"{name} cannot be changed in a service that is there: {FIXED[name]}.")
            if isinstance(offered[name], list) and value not in offered[name]:
                raise RefusedError(f"{name} must be one of {', '.join(offered[name])}, got {value!r}.")
            wanted[name] = value
        return wanted

    def rendered(self, *wanted: tuple[str, dict[str, Any]]) -> list[tuple[Path, dict[str, Any]]]:
        """Render commits with answers, by the first Cookiecutter that can be had; return folders and contexts."""
        jobs = [
            {
                "template": str(self.checkout(commit)),
                "questions": questions(self.checkout(commit))[1],
                "commit": commit,
                "source": self.origin.template,
                "answers": self.origin.answers | answers,
                "into": tempfile.mkdtemp(dir=self.scratch) + "/render",
            }
            for commit, answers in wanted
        ]
        pythons = (
            ["uvx", "--quiet", "--from", f"cookiecutter=={COOKIECUTTER}", "python"],
            [sys.executable],
            ["python3"],
        )
        # In a folder of its own, so that no module and no configuration file of the service is read.
        alone = self.scratch / "render"
        alone.mkdir(exist_ok=True)
        shutil.copy(HERE / "render.py", alone)
        failures = []
        for python in pythons:
            try:
                done = subprocess.run(
                    [*python, str(alone / "render.py")],
                    cwd=alone,
                    input=json.dumps(jobs),
                    env=self.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
            except OSError as error:
                failures.append(str(error))
                continue
            if done.returncode == 0:
                return [(Path(result["folder"]), result["context"]) for result in json.loads(done.stdout)]
            if done.returncode == 3:
                said = done.stderr.partition("Stopping generation")[0].strip()  # the hook's own sentence
                raise RefusedError(f"the template cannot be rendered with these answers:\n{said}")
            failures.append(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
        raise RefusedError("Cookiecutter is needed and cannot be run: " + "; ".join(failures))

    def nearest(self, commits: Sequence[str]) -> str:
        """Return the commit whose render is most like what the service was; of equals the newest."""
        files = evidence.had(self.top, self.prefix)
        renders = self.rendered(*((commit, {}) for commit in commits[:12]))
        scores = []
        for folder, _ in renders:
            expected = set(evidence.blobs(self.top, merging.tree_of(self.top, folder)).items())
            scores.append(len(expected & files))
        return commits[scores.index(max(scores))]

    def choices(self) -> None:
        """Refuse a recorded choice where the service's files are clearly those of another value."""
        offered = questions(self.checkout(self.old))[0]
        answers = self.origin.answers
        found = evidence.chosen(self.clone, self.old, self.origin.directory, self.top, self.ours, answers)
        for name, scores in found.items():
            best = max(scores, key=lambda value: scores[value])
            values = offered.get(name)
            if not isinstance(values, list) or best not in values or answers.get(name) == best:
                continue
            if name in answers and answers[name] not in values:
                raise RefusedError(
                    f"{name} in {self.origin.source} must be one of {', '.join(values)}, got {answers[name]!r}."
                )
            recorded = scores.get(answers[name], 0) if name in answers else 0
            if scores[best] < 0.5 or scores[best] - recorded < evidence.CLEARLY:
                continue
            if name in answers and name not in self.given():
                how = origins.repair(name, answers[name])
                raise RefusedError(
                    f"{name} is {answers[name]!r} in {self.origin.source}, "
                    f"but the service's files are those of {best!r}. {how}"
                )
            answers[name] = best

    def render(self, wanted: dict[str, Any]) -> tuple[Path, Path, dict[str, Any]]:
        """Render the version that the service has and the new one."""
        (base, _), (theirs, context) = self.rendered((self.old, {}), (self.new, wanted))
        for name in sorted(origins.public(context).keys() - self.origin.answers.keys()):
            self.report["told"].append(f"{name} is a new question; answered by its default, {context[name]!r}")
        return base, theirs, context

    def merge(self, base: Path, theirs: Path, context: dict[str, Any]) -> merging.Merge:
        """Merge the three sides in Git's store; nothing is changed yet."""
        trees = merging.line_ends(self.top, self.ours, base, theirs)
        label = f"template {self.version(self.new)}"
        merged = merging.merge(self.top, trees[0], self.ours, trees[1], label)
        if missing := merging.lost(merged):
            raise RefusedError("the merge would lose lines of yours; please report it:\n" + "\n".join(missing))
        memory = merging.stored(self.top, self.origin.remember(self.new, context))
        merged.tree = merging.edited(self.top, merged.tree, f"100644 {memory}\t{origins.MEMORY}")
        return merged

    def markers(self, merged: merging.Merge) -> int:
        """Tell of conflict markers that were committed; return 1 where there are any, and refuse an update."""
        brought = evidence.blobs(self.top, merged.base) | evidence.blobs(self.top, merged.theirs)
        found = merging.committed(self.top, self.ours, brought)
        if not found:
            return 0
        self.report["settle"] = dict.fromkeys(
            found, "conflict markers were committed: keep what is right, commit again"
        )
        if not self.asked.check:
            listed = ", ".join(origins.UNPRINTABLE.sub("?", name) for name in found)
            raise RefusedError(f"conflict markers were committed, settle them first: {listed}.")
        self.report["result"] = "markers"
        print("conflict markers were committed; keep what is right between <<<<<<< and >>>>>>>, then commit again:")
        for path in found:
            print(f"  {path}")
        return 1

    def compare(self, merged: merging.Merge) -> None:
        """Refuse a remembered commit that the service cannot be made from: all that follows from it would be wrong."""
        package = str(self.origin.answers.get("package_name"))
        if evidence.like(self.top, self.ours, merged.base, package):
            return
        if self.asked.base and merged.base != merged.theirs:
            self.report["told"].append(f"the service's files are not like {self.name(self.old)}, which --from names")
            return
        try:
            best = evidence.commits(self.clone, self.top, self.prefix, self.origin.answers)[0]
            hint = f"The most alike is {self.name(best)}"
            commit = best[:7] if best != self.old else "COMMIT"
        except RefusedError:
            hint, commit = "No commit of the template is like them", "COMMIT"
        raise RefusedError(
            f"the service's files are not like {self.name(self.old)}, from which it should be made. {hint}. "
            f'Say what it was made from: make update ARGS="--from {commit}".'
        )

    def describe(self) -> None:
        """Note from where to where it goes."""
        self.report["service"] = self.origin.answers.get("project_slug", "")
        self.report["behind"] = int(git(self.clone, "rev-list", "--count", f"{self.old}..{self.new}").strip())
        self.report["from"] = {"version": self.version(self.old), "commit": self.old}
        self.report["to"] = {"version": self.version(self.new), "commit": self.new}

    def show(self, merged: merging.Merge) -> None:
        """Say what there is to adopt: the versions, the changelog between them, the files."""
        count = self.report["behind"]
        known = {number for number, _ in entries(self.checkout(self.old))}
        news = "\n".join(text for number, text in entries(self.checkout(self.new)) if number not in known)
        self.report["changelog"] = news
        print(f"template {self.name(self.old)} -> {self.name(self.new)}, {count} commits; {self.origin.url}\n\n{news}")
        for letter, old, new in merging.changes(self.top, merged.ours, merged.tree):
            print(f"  {letter} {old}" + (f" -> {new}" if new != old else ""))
        told = self.report["told"]
        told += [f"{path}: you deleted it, the template changed it; it stays deleted" for path in merged.deleted]
        told += [f"{old}: you moved it to {new}; the template's change went there" for old, new in merged.moved]
        for line in told:
            print(f"note: {line}")

    def verdict(self, merged: merging.Merge) -> int:
        """Look at what is there now, run the telemetry tests, and say what is left to do."""
        report = self.report
        put = self.state("no")
        report["settle"] = verdicts.settle(merged, self.service)
        tests = "" if report["settle"] or self.asked.without_tests else verdicts.test(self.service, self.environment)
        report["result"] = "conflicts" if report["settle"] else "tests failed" if tests else "updated"
        report["tests"] = "not run" if report["settle"] or self.asked.without_tests else tests or "passed"
        if not self.still(put):
            report["result"] = "moved"
        report |= {"title": verdicts.title(report), "body": verdicts.body(report)}
        print(f"\n{verdicts.told(report)}")
        return 0 if report["result"] == "updated" else 1

    def truth(self, interrupted: bool = False) -> str:
        """Return whether anything was changed, for the last line of an update that did not come to its end."""
        changed = self.placed or (interrupted and self.before[0] and self.state() != self.before)
        return f"The update is in the tree; the way back: {verdicts.BACK}" if changed else "Nothing was changed."

    def still(self, put: tuple[str, str, str]) -> bool:
        """Tell whether HEAD is what was merged, and the files are as they were put; uv.lock may be new."""
        head, branch, status = self.state("no")
        # Git writes a name with a space or an umlaut between quotes.
        lines = [
            [line for line in text.splitlines() if not line.rstrip('"').endswith("uv.lock")]
            for text in (status, put[2])
        ]
        return (head, branch) == (self.head, self.branch) and lines[0] == lines[1]


def questions(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the questions that a template asks, with their defaults, and the file that holds them."""
    file = (folder / "cookiecutter").with_suffix(".json")
    try:
        asked: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise RefusedError(f"the template has no {file.name} that can be read: {error}.") from None
    return asked, str(file)


def entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the version and the text of each entry of a changelog, newest first."""
    path = folder / "CHANGELOG.md"
    text = path.read_text() if path.is_file() else ""
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        if len(words := part.split()) > 1:
            yield words[1], part.rstrip() + "\n"


def is_report(file: Path) -> bool:
    """Tell whether a file is a report of an earlier run, which may be replaced."""
    try:
        return "result" in json.loads(file.read_text())
    except (ValueError, TypeError, RecursionError):
        return False


def unwritable(file: Path) -> str:
    """Make the report's folder; return why the report cannot be written there, before there is one to write."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return str(error)
    if file.is_file() and file.stat().st_size and not is_report(file):
        return f"{file} is there, and is no report"
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        return f"{file} is a folder, or is not yours to write"
    return ""


def main(given: Sequence[str]) -> int:
    """Update or check; print the truth, and return it."""
    asked = arguments(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names that are no text
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the scratch folder goes
    if asked.report and (problem := unwritable(asked.report)):
        print(
            f"make update: --report must name a file that can be written: {problem}. Nothing was changed.",
            file=sys.stderr,
        )
        return 2
    with merging.scratch_folder("update-") as scratch:
        update = Update(asked, Path(scratch))
        try:
            return update.run()
        except KeyboardInterrupt:
            print(f"make update: interrupted. {update.truth(interrupted=True)}", file=sys.stderr)
            update.report |= {"result": "refused", "reason": "interrupted"}
            return 130
        except (RefusedError, OSError) as reason:
            print(f"make update: {origins.printable(str(reason))} {update.truth()}", file=sys.stderr)
            update.report |= {"result": "refused", "reason": str(reason)}
            return 2
        finally:
            if asked.report:
                asked.report.write_text(json.dumps(update.report, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
