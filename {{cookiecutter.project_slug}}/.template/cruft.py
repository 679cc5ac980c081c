"""Let cruft do the update in a copy of the repository, and see whether it comes to the same as Git's own merge."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from merge import Merge, git, names, rows
from origin import MEMORY

VERSION = "2.16.0"


class Attempt:
    """One try by cruft; it runs while we render and merge."""

    def __init__(self, copy: Path, merged_into: Path, prefix: str, memory: bytes) -> None:
        """Copy the repository, with the memory that cruft needs."""
        self.copy, self.original, self.prefix, self.service = copy, merged_into, prefix, copy / prefix
        git(merged_into, "clone", "-q", "--no-tags", str(merged_into), str(copy))
        (self.service / MEMORY).write_bytes(memory)
        git(copy, "add", "--all", "--force", ".")
        git(copy, "commit", "-q", "--allow-empty", "--no-verify", "-m", "copy")
        self.process: subprocess.Popen[str] | None = None

    def start(self, clone: Path, commit: str, answers: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Start cruft, where it can be had."""
        command = ["uvx", "--quiet", f"cruft@{VERSION}", "update", "--skip-apply-ask", "--checkout", commit]
        command += ["--template-path", str(clone), "--project-dir", str(self.service)]
        command += ["--variables-to-update", json.dumps(answers)] if answers else []
        try:
            self.process = subprocess.Popen(
                command,
                cwd=self.service,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError:
            self.process = None

    def stop(self) -> None:
        """End cruft, if it still runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def objection(self, merged: Merge) -> str:
        """Wait for cruft and return why its result is not the merge, or nothing where it is.

        It exits with 0 and says "Good work!" whatever happened, so only the files count.
        """
        if self.process is None:
            return f"cruft {VERSION} cannot run: there is no uvx"
        output, _ = self.process.communicate()
        if self.process.returncode:
            words = [line.strip() for line in output.splitlines() if line.strip()]
            return f"cruft {VERSION} cannot run: {words[-1] if words else 'it says nothing'}"
        conflicts = set(names(self.service, "diff", "--name-only", "--diff-filter=U", "--relative"))
        rejects = [path for path in names(self.service, "ls-files", "--others") if path.endswith(".rej")]
        if rejects or conflicts != set(merged.conflicts):
            return f"cruft {VERSION} leaves {len(rejects)} rejects and {len(conflicts)} conflicts"
        if not conflicts:
            where = git(self.original, "rev-parse", "--path-format=absolute", "--git-path", "objects").strip()
            git(self.copy, "add", "--all", ".")
            tree = git(self.copy, "write-tree", *([f"--prefix={self.prefix}"] if self.prefix else [])).strip()
            both = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": where}
            differ = rows(git(self.copy, "diff-tree", "-r", "-z", "--name-only", tree, merged.tree, env=both))
            if differ != [MEMORY]:
                return f"cruft {VERSION} comes to something else: {', '.join(sorted({*differ} - {MEMORY}))}"
        return ""
