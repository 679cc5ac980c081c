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

import merge as merging
import origin as origins
from merge import RefusedError, git

HERE = Path(__file__).resolve().parent
CRUFT, COOKIECUTTER = "2.16.0", "2.7.1"
BACK = "git restore --staged --worktree ."
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
        cruft = self.start_cruft()
        base, theirs, context = self.render()
        merged = self.merge(base, theirs, context)
        if merged.base == merged.theirs and (self.origin.memory or self.asked.check):
            print(f"up to date: nothing in this service changes up to {self.name(self.new)}")
            self.report["result"] = "current"
            return 0
        self.show(merged)
        if self.asked.check:
            self.report["result"] = "behind"
            return 1
        self.compare(cruft, merged)
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
                raise RefusedError(f"the template cannot be rendered with these answers:\n{done.stderr.strip()}")
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

    def render(self) -> tuple[Path, Path, dict[str, Any]]:
        """Render the version that the service has and the new one, without what cruft was told to skip."""
        wanted = self.wanted()
        (base, _), (theirs, context) = self.rendered((self.old, {}), (self.new, wanted))
        for name in sorted(origins.public(context).keys() - self.origin.answers.keys()):
            self.report["told"].append(f"{name} is a new question; answered by its default, {context[name]!r}")
        return base, theirs, context

    def start_cruft(self) -> subprocess.Popen[str] | None:
        """Let cruft try the update in a copy of the repository; it runs while we render."""
        if self.asked.check:
            return None
        copy = self.scratch / "copy"
        git(self.top, "clone", "-q", "--no-tags", str(self.top), str(copy))
        (copy / self.prefix / origins.MEMORY).write_bytes(self.origin.remember(self.old, self.origin.answers))
        git(copy, "add", "--all", "--force", ".")
        git(copy, "commit", "-q", "--allow-empty", "--no-verify", "-m", "copy")
        command = ["uvx", "--quiet", f"cruft@{CRUFT}", "update", "--skip-apply-ask", "--checkout", self.new]
        command += ["--template-path", str(self.clone), "--project-dir", str(copy / self.prefix)]
        command += ["--variables-to-update", json.dumps(self.wanted())] if self.asked.answer else []
        try:
            return subprocess.Popen(
                command,
                cwd=copy / self.prefix,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError:
            return None

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

    def show(self, merged: merging.Merge) -> None:
        """Say what there is to adopt: the versions, the changelog between them, the files."""
        count = int(git(self.clone, "rev-list", "--count", f"{self.old}..{self.new}").strip())
        self.report |= {"service": self.origin.answers.get("project_slug", ""), "behind": count}
        self.report["from"] = {"version": self.version(self.old), "commit": self.old}
        self.report["to"] = {"version": self.version(self.new), "commit": self.new}
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

    def compare(self, cruft: subprocess.Popen[str] | None, merged: merging.Merge) -> None:
        """Say whether cruft came to the same; it says "Good work!" whatever happened, so only its files count."""
        if cruft is None:
            return self.merged_by("git", "cruft cannot run: there is no uvx")
        output, _ = cruft.communicate()
        copy = self.scratch / "copy" / self.prefix
        if cruft.returncode:
            words = [line for line in output.splitlines() if line.strip()]
            return self.merged_by("git", f"cruft {CRUFT} cannot run: {words[-1].strip() if words else 'no word of it'}")
        unmerged = set(rows_of(copy, "diff", "--name-only", "--diff-filter=U", "--relative"))
        rejected = [path for path in rows_of(copy, "ls-files", "--others") if path.endswith(".rej")]
        if rejected or unmerged != set(merged.conflicts):
            return self.merged_by("git", f"cruft {CRUFT} leaves {len(rejected)} rejects and {len(unmerged)} conflicts")
        if not unmerged:
            memory = f":(exclude,literal){origins.MEMORY}"
            objects = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": git(self.top, "rev-parse", "--git-path", "objects").strip()}
            objects = {name: str((self.top / path).resolve()) for name, path in objects.items()}
            git(copy, "add", "--all", ".")
            if git(copy, "diff", "--cached", "--name-only", "--relative", merged.tree, "--", ".", memory, env=objects):
                return self.merged_by("git", f"cruft {CRUFT} comes to something else")
        return self.merged_by("cruft", f"cruft {CRUFT} and git come to the same")

    def merged_by(self, who: str, why: str) -> None:
        """Say whose merge it is."""
        self.report["by"] = who
        print(f"\nmerged by {who}: {why}" if who == "git" else f"\n{why}")

    def verdict(self, merged: merging.Merge) -> int:
        """Look at what is there now, run the telemetry tests, and list what is left to do."""
        settle = {path: how(merged, path) for path in sorted(merged.conflicts)}
        for _, _, path in merging.changes(self.top, merged.ours, merged.tree):
            file = self.service / path
            if path not in settle and file.is_file() and not file.is_symlink() and merging.marked(file.read_bytes()):
                settle[path] = "it holds conflict markers: <<<<<<< and >>>>>>>"
        for path in rows_of(self.service, "ls-files", "--others", "--exclude-standard"):
            if path.endswith(".rej"):
                settle[path] = "apply by hand what it holds, then delete it"
        tests = "" if settle or self.asked.without_tests else self.test()
        self.report["settle"] = settle
        self.report["result"] = "conflicts" if settle else "tests failed" if tests else "updated"
        self.report["tests"] = "not run" if settle or self.asked.without_tests else tests or "passed"
        version = self.name(self.new)
        if settle:
            print(f"\nupdated to {version}, with {len(settle)} to settle; the telemetry tests wait for it:")
            for path, what in settle.items():
                print(f"  {path}: {what}")
            print("then: uv run pytest, git add, git commit")
        elif tests:
            print(f"\nupdated to {version}, but the telemetry tests do not pass: {tests}")
        else:
            print(f"\nupdated to {version}; telemetry tests: {self.report['tests']}. Look at it: git diff --staged")
        print(f"the way back: {BACK}")
        return 1 if settle or tests else 0

    def test(self) -> str:
        """Run the telemetry tests as the service would; return what is wrong."""
        if not (self.service / "tests/telemetry").is_dir():
            return "tests/telemetry is not there"
        lock = self.service / "uv.lock"
        there = lock.exists()
        tracked = bool(rows_of(self.service, "ls-files", "uv.lock"))
        environment = self.environment | {"TMPDIR": tempfile.gettempdir()}
        command = ["uv", "run", "--quiet", "pytest", "-q", "-p", "no:cacheprovider", "tests/telemetry"]
        print(f"\n$ {' '.join(command)}", flush=True)
        try:
            status = subprocess.run(command, cwd=self.service, env=environment, check=False).returncode
        except OSError as error:
            return str(error)
        if tracked:  # the new dependencies are part of the update
            git(self.service, "add", "uv.lock", merging=False)
        elif not there:
            lock.unlink(missing_ok=True)
        return f"exit status {status}" if status else ""


def how(merged: merging.Merge, path: str) -> str:
    """Return what a person does about a conflict."""
    stages = merged.conflicts[path].keys()
    if stages == {1, 2}:
        return "you edited it, the template deleted it: keep it by git add, or git rm it"
    if merging.marked(merging.content(merged.repository, f"{merged.tree}:{path}")):
        return "both changed it: keep what is right between <<<<<<< yours and >>>>>>> template, then git add it"
    return (
        "both changed it, and it cannot be merged by lines: choose (git checkout --ours or --theirs), then git add it"
    )


def rows_of(folder: Path, *arguments: str) -> list[str]:
    """Return the file names that a Git command prints, by its own folder."""
    return merging.rows(git(folder, arguments[0], "-z", *arguments[1:]))


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
