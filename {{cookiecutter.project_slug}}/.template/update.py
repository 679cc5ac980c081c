"""Adopt the template's newer version, and tell the truth about it: exit 0 only if all is well.

make update                            the newest version of the template
make update ARGS="otlp_protocol=http"  another answer, of this or the newest version
make update-check                      what would change; exit 1 if anything would
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

import cruft
import merge as merging
import origin as origins
import verdict as verdicts
from merge import RefusedError, git

HERE = Path(__file__).resolve().parent
COOKIECUTTER = "2.7.1"
# What no template can answer anew for code that people have written since.
FIXED = {
    "framework": "what you wrote is written for it; make a new service and move your code",
    "project_slug": "it is the service's name wherever it runs",
    "package_name": "your code imports it",
}


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
        wanted = self.wanted()
        attempt = None if self.asked.check else self.attempt(wanted)
        try:
            merged = self.merge(*self.render(wanted))
        except RefusedError:
            if attempt:
                attempt.stop()
            raise
        if merged.base == merged.theirs and (self.origin.memory or self.asked.check):
            print(f"up to date: nothing in this service changes up to {self.name(self.new)}")
            self.report |= {"result": "current", "behind": 0}
            return 0
        self.show(merged)
        if self.asked.check:
            self.report["result"] = "behind"
            return 1
        if attempt:
            objection = attempt.objection(merged)
            self.report["by"] = "git" if objection else "cruft"
            print(f"\nmerged by git: {objection}" if objection else f"\ncruft {cruft.VERSION} and git come to the same")
        merging.put(merged, self.prefix)
        return self.verdict(merged)

    def look(self) -> None:
        """Refuse what could not be taken back."""
        inside = git(self.service, "rev-parse", "--show-toplevel", "--show-prefix", fails=(128,)).split("\n")
        if len(inside) < 2 or not git(self.service, "rev-parse", "--verify", "-q", "HEAD", fails=(1,)):
            raise RefusedError("the service must be in a Git repository, and committed.")
        self.top, self.prefix = Path(inside[0]), inside[1]
        if dirty := git(self.top, "status", "--porcelain", "--untracked-files=normal", merging=False):
            raise RefusedError(f"commit or stash first, so that the update can be taken back:\n{dirty.rstrip()}")
        self.origin = origins.of(self.service, self.asked.template, self.asked.base)
        self.ours = git(self.top, "rev-parse", f"HEAD:{self.prefix}" if self.prefix else "HEAD^{tree}").strip()

    def fetch(self) -> None:
        """Get the template, and find the two commits."""
        self.clone = self.asked.clone or self.scratch / "template"
        if not self.asked.clone:
            git(self.service, "clone", "-q", "--", self.origin.url, str(self.clone), merging=False)
        self.new = self.commit(self.asked.to)
        if self.origin.commit:
            self.old = self.commit(self.origin.commit)
        else:
            self.old, *alike = origins.commits(self.clone, self.top, self.prefix, self.origin.answers)
            if alike:
                self.old = self.nearest([self.old, *alike])

    def commit(self, name: str) -> str:
        """Return a commit of the template in full."""
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
        newest = next(self.checkout(self.new).glob("{*")) / HERE.name
        names = {path.name for folder in (HERE, newest) for path in folder.glob("*.py")}
        same = all((newest / name).is_file() and (HERE / name).is_file() for name in names)
        same = same and all((newest / name).read_bytes() == (HERE / name).read_bytes() for name in names)
        if self.asked.clone or not (newest / "update.py").is_file() or same:
            return None
        command = [sys.executable, str(newest / "update.py"), *sys.argv[1:], "--clone", str(self.clone)]
        sys.stdout.flush()
        status = subprocess.run(command, check=False).returncode
        self.asked.report = None  # it has been written
        return status

    def checkout(self, commit: str) -> Path:
        """Return the folder of a commit of the template."""
        folder = self.scratch / commit[:12]
        if not folder.exists():
            git(self.clone, "worktree", "add", "-q", "--detach", "--force", str(folder), commit)
        return folder / (self.origin.memory.get("directory") or "")

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
        offered, _ = questions(self.checkout(self.new))
        wanted = {}
        for text in self.asked.answer:
            name, equals, value = text.partition("=")
            if not equals or name not in origins.public(offered):
                raise RefusedError(
                    f"an answer must be NAME=VALUE with a NAME of {', '.join(origins.public(offered))}, got {text!r}."
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
        failures = []
        for python in pythons:
            try:
                done = subprocess.run(
                    [*python, str(HERE / "render.py")],
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
        files = origins.had(self.top, self.prefix)
        renders = self.rendered(*((commit, {}) for commit in commits[:12]))
        scores = []
        for folder, _ in renders:
            expected = set(origins.blobs(self.top, merging.tree_of(self.top, folder)).items())
            scores.append(len(expected & files))
        return commits[scores.index(max(scores))]

    def attempt(self, wanted: dict[str, Any]) -> cruft.Attempt:
        """Let cruft try it in a copy meanwhile."""
        memory = self.origin.remember(self.old, self.origin.answers)
        attempt = cruft.Attempt(self.scratch / "copy", self.top, self.prefix, memory)
        attempt.start(self.clone, self.new, wanted, self.environment)
        return attempt

    def render(self, wanted: dict[str, Any]) -> tuple[Path, Path, dict[str, Any]]:
        """Render the version that the service has and the new one, without what cruft was told to skip."""
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
        report["settle"] = verdicts.settle(merged, self.service)
        tests = "" if report["settle"] or self.asked.without_tests else verdicts.test(self.service, self.environment)
        report["result"] = "conflicts" if report["settle"] else "tests failed" if tests else "updated"
        report["tests"] = "not run" if report["settle"] or self.asked.without_tests else tests or "passed"
        report |= {"title": verdicts.title(report), "body": verdicts.body(report)}
        print(f"\n{verdicts.told(report)}")
        return 0 if report["result"] == "updated" else 1


def questions(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the questions that a template asks, with their defaults, and the file that holds them."""
    file = (folder / "cookiecutter").with_suffix(".json")
    return json.loads(file.read_text()), str(file)


def entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the version and the text of each entry of a changelog, newest first."""
    path = folder / "CHANGELOG.md"
    text = path.read_text() if path.is_file() else ""
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        yield part.split()[1], part.rstrip() + "\n"


def main(given: Sequence[str]) -> int:
    """Update or check; print the truth, and return it."""
    asked = arguments(given)
    with tempfile.TemporaryDirectory(prefix="update-") as scratch:
        update = Update(asked, Path(scratch))
        try:
            return update.run()
        except RefusedError as reason:
            print(f"make update: {reason} Nothing was changed.", file=sys.stderr)
            update.report["reason"] = str(reason)
            return 2
        finally:
            if asked.report:
                asked.report.write_text(json.dumps(update.report, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
