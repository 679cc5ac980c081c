"""The clone of the template: its commits, their versions, questions and changelogs."""

import json
import re
from pathlib import Path
from typing import Any

from .origin import COMMIT, Origin
from .printing import masked
from .repository import VERIFY, RefusedError, git


class Template:
    """The clone of the template that an update works with."""

    def __init__(
        self,
        clone: Path,
        origin: Origin,
        scratch: Path,
    ) -> None:
        """Take the clone of a service's template. Commits are checked out below `scratch`."""
        self.clone = clone
        self.url = masked(origin.url)
        self.directory = origin.directory
        self.source = origin.source
        self.scratch = scratch

    def commit(self, name: str) -> str:
        """Return the full name of a commit."""
        if not COMMIT.fullmatch(name):
            raise RefusedError(
                f"a commit must be named by letters, digits and ./+@^~-, got {name!r}.",
            )
        for candidate in (name, f"origin/{name}"):
            found = git(
                self.clone,
                VERIFY,
                candidate + "^{commit}",
                highest=128,
            )
            if found:
                return found.strip()
        raise RefusedError(
            f"{name} is not a commit of {self.url}. "
            "Name the commit that the service was made from: --from COMMIT."
        )

    def checkout(self, commit: str) -> Path:
        """Return the folder of the template in a commit."""
        folder = self.scratch / commit[:12]
        if not folder.exists():
            git(
                self.clone,
                "worktree add -q --detach --force",
                str(folder),
                commit,
            )
        place = folder / self.directory
        if not place.is_dir() or not place.resolve().is_relative_to(folder.resolve()):
            raise RefusedError(
                f"directory in {self.source} must be a folder inside the template, "
                f"got {self.directory!r}."
            )
        return place

    def questions_file(self, commit: str) -> Path:
        """Return the file that holds the template's questions."""
        return self.checkout(commit) / "cookiecutter.json"

    def questions(
        self,
        commit: str,
    ) -> dict[str, Any]:
        """Return the questions that the template asks, with their defaults."""
        file = self.questions_file(commit)
        try:
            asked: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise RefusedError(
                f"{self.url} is not a template of Cookiecutter: "
                f"its {file.name} cannot be read: {error}."
            ) from None
        return asked

    def version(self, commit: str) -> str:
        """Return the version of a commit. Before 0.4.0 only the changelog tells."""
        version = self.questions(commit).get("__template_version")
        if version:
            return str(version)
        return next(iter(self.changelog(commit)), "0")

    def name(self, commit: str) -> str:
        """Return a commit as people read it: its version and its short name."""
        return f"{self.version(commit)} ({commit[:7]})"

    def changelog(
        self,
        commit: str,
    ) -> dict[str, str]:
        """Return the text of each version's entry in the changelog, the newest first."""
        file = self.checkout(commit) / "CHANGELOG.md"
        text = file.read_text() if file.is_file() else ""
        entries: dict[str, str] = {}
        for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
            words = part.split()
            if len(words) > 1:
                entries.setdefault(words[1], part.rstrip() + "\n")
        return entries

    def news(
        self,
        old: str,
        new: str,
    ) -> str:
        """Return the changelog's entries of a commit that an older one does not have."""
        known = self.changelog(old)
        entries = self.changelog(new)
        return "\n".join(text for version, text in entries.items() if version not in known)

    def distance(
        self,
        old: str,
        new: str,
    ) -> int:
        """Return how many commits one commit is behind another."""
        return int(git(self.clone, "rev-list --count", f"{old}..{new}"))
