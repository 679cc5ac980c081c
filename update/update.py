"""One update of a service, step by step."""

import argparse
from pathlib import Path
from typing import Any

from . import choices, evidence, origin, verdict
from .advice import settle
from .markers import committed
from .merge import Merge, brought, line_ends, lost, merge
from .place import put
from .printing import one_line
from .records import MEMORY
from .rendering import Render, environment, rendered
from .repository import RefusedError, changes, edited, stored
from .service import Service
from .template import Template

# Commits that fit a service equally well are rendered and compared: at most so many.
CANDIDATES = 12


class Update:
    """An update, or a check, of the service in a folder."""

    def __init__(
        self,
        asked: argparse.Namespace,
        folder: Path,
        scratch: Path,
    ) -> None:
        """Prepare the report; nothing is read yet."""
        self.asked = asked
        self.folder = folder
        self.scratch = scratch
        # None until the service was looked at.
        self.service: Service | None = None
        # Whether the merged tree is in the service's files.
        self.placed = False
        self.notes: list[str] = []
        self.report: dict[str, Any] = {
            "result": "refused",
            "from": {},
            "to": {},
            "settle": {},
            "told": self.notes,
        }

    def run(self) -> int:
        """Update the service; return the exit status."""
        given = choices.given(self.asked.answer)
        service = Service(self.folder)
        self.service = service
        asked = self.asked
        made = origin.of(self.folder, service.top, asked.template, asked.base, given)
        template = Template(asked.clone, made, self.scratch)
        new = template.commit(asked.to)
        old = self.old(service, template, made)
        self.describe(template, made, old, new)
        choices.check_recorded(template, old, made, service, given)
        choices.check_given(given, template.questions(new), made, service)
        base, theirs = rendered(template, made, (old, {}), (new, given))
        self.note_questions(made, theirs)
        merged = self.merge(service, template, made, base, theirs, new)
        markers = self.markers(service, merged)
        if markers:
            return markers
        self.compare(service, template, made, merged, old)
        if merged.base == merged.theirs and (made.memory or asked.check):
            return self.current(template, new)
        self.show(template, merged, old, new)
        if asked.check:
            self.report["result"] = "behind"
            return 1
        self.place(service, merged)
        return self.verdict(service, merged)

    def old(
        self,
        service: Service,
        template: Template,
        made: origin.Origin,
    ) -> str:
        """Return the commit that the service was made from."""
        if made.commit:
            return template.commit(made.commit)
        files = evidence.had(service.top, service.prefix)
        alike = evidence.commits(template.clone, template.directory, files, made.answers)
        if len(alike) == 1:
            return alike[0]
        return self.nearest(service, files, template, made, alike[:CANDIDATES])

    def nearest(
        self,
        service: Service,
        files: evidence.Files,
        template: Template,
        made: origin.Origin,
        commits: list[str],
    ) -> str:
        """Return the commit whose render is most like the service; of equals the newest."""
        nothing: dict[str, Any] = {}
        wanted = [(commit, nothing) for commit in commits]
        best = commits[0]
        most = -1
        for commit, render in zip(commits, rendered(template, made, *wanted), strict=True):
            count = len(evidence.files_of(service.top, render.folder) & files)
            if count > most:
                best = commit
                most = count
        return best

    def describe(
        self,
        template: Template,
        made: origin.Origin,
        old: str,
        new: str,
    ) -> None:
        """Write into the report from where to where the update goes."""
        self.report["service"] = made.answers.get("project_slug", "")
        self.report["behind"] = template.distance(old, new)
        self.report["from"] = {"version": template.version(old), "commit": old}
        self.report["to"] = {"version": template.version(new), "commit": new}

    def note_questions(
        self,
        made: origin.Origin,
        theirs: Render,
    ) -> None:
        """Note the questions that the service was not asked: they get their defaults."""
        for name in sorted(theirs.answers):
            if name[0] == "_" or name in made.answers:
                continue
            value = theirs.answers[name]
            self.notes.append(f"{name} is a new question; it gets its default, {value!r}")

    def merge(
        self,
        service: Service,
        template: Template,
        made: origin.Origin,
        base: Render,
        theirs: Render,
        new: str,
    ) -> Merge:
        """Merge the three sides in Git's object store. Nothing is changed yet."""
        trees = line_ends(service.top, service.tree, base.folder, theirs.folder)
        label = f"template {template.version(new)}"
        merged = merge(service.top, trees[0], service.tree, trees[1], label)
        missing = lost(merged)
        if missing:
            raise RefusedError(
                "the merge would lose lines of yours; please report it:\n" + "\n".join(missing),
            )
        memory = stored(service.top, made.remember(new, theirs.answers))
        line = f"100644 {memory}\t{MEMORY}"
        merged.tree = edited(service.top, merged.tree, [line])
        return merged

    def markers(
        self,
        service: Service,
        merged: Merge,
    ) -> int:
        """Report conflict markers that were committed; return 1 if there are any.

        An update is refused then.
        """
        found = committed(service.top, service.tree, brought(merged))
        if not found:
            return 0
        what = "conflict markers were committed: keep what is right, then commit again"
        self.report["settle"] = dict.fromkeys(found, what)
        if not self.asked.check:
            listed = ", ".join(one_line(name) for name in found)
            raise RefusedError(f"conflict markers were committed, settle them first: {listed}.")
        self.report["result"] = "markers"
        print(
            "conflict markers were committed; "
            "keep what is right between <<<<<<< and >>>>>>>, then commit again:"
        )
        for path in found:
            print(f"  {path}")
        return 1

    def compare(
        self,
        service: Service,
        template: Template,
        made: origin.Origin,
        merged: Merge,
        old: str,
    ) -> None:
        """Raise RefusedError if the service cannot be made from the recorded commit."""
        package = str(made.answers.get("package_name"))
        if evidence.like(service.top, service.tree, merged.base, package):
            return
        name = template.name(old)
        if self.asked.base and merged.base != merged.theirs:
            self.notes.append(f"the service's files are not like {name}, which --from names")
            return
        hint = "No commit of the template is like them"
        commit = "COMMIT"
        try:
            files = evidence.had(service.top, service.prefix)
            best = evidence.commits(template.clone, template.directory, files, made.answers)[0]
        except RefusedError:
            best = old
        else:
            hint = f"The most alike is {template.name(best)}"
        if best != old:
            commit = best[:7]
        raise RefusedError(
            f"the service's files are not like {name}, from which it should be made. {hint}. "
            f'Name the commit that it was made from: make update ARGS="--from {commit}".'
        )

    def current(
        self,
        template: Template,
        new: str,
    ) -> int:
        """Say that there is nothing to do; return the exit status."""
        name = template.name(new)
        print(f"up to date: nothing in this service changes up to {name}")
        self.report["result"] = "current"
        self.report["behind"] = 0
        return 0

    def show(
        self,
        template: Template,
        merged: Merge,
        old: str,
        new: str,
    ) -> None:
        """Print the versions, the changelog between them, the files that change and the notes."""
        news = template.news(old, new)
        self.report["changelog"] = news
        way = f"{template.name(old)} -> {template.name(new)}"
        print(f"template {way}, {self.report['behind']} commits; {template.url}\n\n{news}")
        for letter, path, target in changes(merged.repository, merged.ours, merged.tree):
            if target == path:
                print(f"  {letter} {path}")
            else:
                print(f"  {letter} {path} -> {target}")
        for path in merged.deleted:
            self.notes.append(f"{path}: you deleted it, the template changed it; it stays deleted")
        for path, target in merged.moved:
            self.notes.append(f"{path}: you moved it to {target}; the template's change went there")
        for note in self.notes:
            print(f"note: {note}")

    def place(
        self,
        service: Service,
        merged: Merge,
    ) -> None:
        """Put the merged tree into the service, unless the service has changed meanwhile."""
        if service.changed():
            raise RefusedError(
                "the service changed while this ran: another commit, branch, index or file. "
                "Run it again."
            )
        put(merged, service.prefix, service.before.head)
        self.placed = True

    def verdict(
        self,
        service: Service,
        merged: Merge,
    ) -> int:
        """Look at what is there now, run the telemetry tests, and print what is left to do."""
        report = self.report
        now = service.state("no")
        left = settle(merged, service.folder)
        tests = "not run"
        failed = ""
        if not left and not self.asked.without_tests:
            failed = verdict.test(service.folder, environment(self.scratch))
            tests = failed or "passed"
        report["settle"] = left
        report["tests"] = tests
        report["result"] = "updated"
        if left:
            report["result"] = "conflicts"
        elif failed:
            report["result"] = "tests failed"
        put_at = now._replace(head=service.before.head, branch=service.before.branch)
        if put_at.differs(service.state("no")):
            report["result"] = "moved"
        report["title"] = verdict.title(report)
        report["body"] = verdict.body(report)
        print(f"\n{verdict.told(report)}")
        return 0 if report["result"] == "updated" else 1

    def truth(self, interrupted: bool = False) -> str:
        """Return whether anything was changed: the last sentence of an update that stopped."""
        changed = self.placed
        if interrupted and self.service is not None:
            changed = changed or self.service.changed()
        if changed:
            return f"The update is in the files. To undo it: {verdict.BACK}"
        return "Nothing was changed."
