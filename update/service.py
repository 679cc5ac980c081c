"""The service's repository: what it is at, and whether an update could be undone there."""

import shlex
from pathlib import Path
from typing import NamedTuple

from .repository import VERIFY, RefusedError, git


class State(NamedTuple):
    """What a repository is at: commit, branch, and the files that differ from the commit."""

    head: str
    branch: str
    status: str

    def differs(self, other: "State") -> bool:
        """Tell whether another state has another commit, branch or files; uv.lock may differ."""
        if (self.head, self.branch) != (other.head, other.branch):
            return True
        return self.files() != other.files()

    def files(self) -> list[str]:
        """Return the lines of the status, without uv.lock, which the tests may write."""
        lines = self.status.splitlines()
        # Git writes some names in quotation marks.
        return [line for line in lines if not line.rstrip('"').endswith("uv.lock")]


class Service:
    """The service in a folder, which may be a part of its repository."""

    def __init__(self, folder: Path) -> None:
        """Raise RefusedError unless an update of this folder can be undone."""
        self.folder = folder
        self.refuse_no_repository()
        where = git(folder, "rev-parse --show-toplevel --show-prefix")
        self.top = Path(where.split("\n")[0])
        self.prefix = where.split("\n")[1]
        self.refuse_unusual()
        self.before = self.state()
        if self.before.status:
            raise RefusedError(
                "commit or stash your changes first, so that the update can be undone:\n"
                f"{self.before.status.rstrip()}"
            )
        head = self.before.head
        name = f"{head}:{self.prefix}" if self.prefix else head + "^{tree}"
        self.tree = git(self.top, "rev-parse", name).strip()

    def refuse_no_repository(self) -> None:
        """Raise RefusedError unless the folder is in a repository that has a commit."""
        try:
            found = git(self.folder, VERIFY, "HEAD", highest=1)
        except RefusedError as reason:
            if "dubious ownership" in str(reason):
                folder = shlex.quote(str(self.folder))
                raise RefusedError(
                    "the repository belongs to another user, so Git does not open it. "
                    f"If you trust it: git config --global --add safe.directory {folder}"
                ) from None
            if "not a git repository" not in str(reason):
                raise
            found = ""
        if not found:
            raise RefusedError("the service must be in a Git repository, and committed.")

    def refuse_unusual(self) -> None:
        """Raise RefusedError during a merge, and in a sparse checkout."""
        if git(self.top, VERIFY, "MERGE_HEAD", highest=128):
            raise RefusedError("a merge is under way: commit it first, or git merge --abort.")
        sparse = git(self.top, "config --bool core.sparseCheckout", highest=1)
        if sparse.strip() == "true":
            raise RefusedError(
                "a sparse checkout hides files: git sparse-checkout disable.",
            )

    def state(self, untracked: str = "normal") -> State:
        """Return what the service is at."""
        head = git(self.top, "rev-parse HEAD")
        branch = git(self.top, "symbolic-ref -q HEAD", highest=1)
        how = f"--untracked-files={untracked}"
        status = git(self.top, "status --porcelain", how, merging=False)
        return State(head.strip(), branch.strip(), status)

    def changed(self) -> bool:
        """Tell whether the service is no longer at what it was."""
        return self.state() != self.before
