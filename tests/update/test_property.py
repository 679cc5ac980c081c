"""Whatever people write and whatever the template changes: no edit is lost in silence."""

import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from update import merge
from update.place import put

from .shell import git

NAMES = ("app.py", "README.md", "deploy/a.yaml", "deploy/b.yaml", "telemetry/providers.py")
# Few different lines, so that both sides often write the same, and some that look like something else.
LINES = st.sampled_from(["", "a", "b", "    a", "# c", "=======", "é", "\x0c", "the end"])
CONTENT = st.lists(LINES, min_size=0, max_size=12).map(
    lambda lines: [f"{n // 3} {line}" for n, line in enumerate(lines)]
)


@st.composite
def edits(draw: st.DrawFn, who: str) -> list[tuple[str, str, int, str]]:
    """Draw a few edits of one side: what is done, to which file, at which line, with what."""
    doings = ["insert", "insert", "replace", "delete line", "delete file", "move file", "new file", "rewrite", "mode"]
    doings += ["CRLF"] if who == "user" else []
    count = draw(st.integers(0, 5))
    edit = st.tuples(st.sampled_from(doings), st.sampled_from(NAMES), st.integers(0, 12), LINES)
    return [
        (doing, name, line, f"{who} {number} {text}")
        for number, (doing, name, line, text) in enumerate(draw(st.lists(edit, min_size=count, max_size=count)))
    ]


def apply(folder: Path, edited: list[tuple[str, str, int, str]]) -> None:
    """Do the edits; one whose file has gone does nothing."""
    for doing, name, at, text in edited:
        file = folder / name
        if doing == "new file":
            file = folder / f"new-{at % 3}.txt"
            file.write_text(text + "\n")
        if not file.is_file():
            continue
        lines = file.read_bytes().splitlines(keepends=True)
        at = min(at, len(lines))
        if doing in {"insert", "replace", "delete line"}:
            file.write_bytes(
                b"".join(
                    [
                        *lines[:at],
                        *([] if doing == "delete line" else [f"{text}\n".encode()]),
                        *lines[at + (doing != "insert") :],
                    ]
                )
            )
        elif doing == "rewrite":
            file.write_text(f"{text}\n{text}, too\n")
        elif doing == "delete file":
            file.unlink()
        elif doing == "move file":
            (folder / "moved").mkdir(exist_ok=True)
            file.rename(folder / "moved" / file.name)
        elif doing == "mode":
            file.chmod(0o755)
        elif doing == "CRLF":
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def written(folder: Path, before: Path, by: str) -> Counter[bytes]:
    """Count the lines that one side wrote, and that still stand in its files."""
    assert before.is_dir()
    return Counter(line for line in lines_of(folder) if line.startswith(f"{by} ".encode()))


def lines_of(folder: Path) -> list[bytes]:
    """Return the lines of all files."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return [line for path in files for line in path.read_bytes().splitlines()]


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(*[CONTENT] * len(NAMES)), edits("user"), edits("template"))
def test_no_edit_is_lost_in_silence(contents: Any, ours: Any, theirs: Any) -> None:
    """Each line that the user wrote stands in the tree; what is neither the user's nor the template's is a named conflict."""
    with tempfile.TemporaryDirectory() as scratch:
        sides = {side: Path(scratch, side) for side in ("base", "user", "template")}
        for side, folder in sides.items():
            for name, lines in zip(NAMES, contents, strict=True):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text("".join(f"{line}\n" for line in lines))
            apply(folder, {"base": [], "user": ours, "template": theirs}[side])
        service = sides["user"]
        mine = written(service, sides["base"], "user")
        files = {str(path.relative_to(service)) for path in service.rglob("*") if path.is_file()}
        git(service, "init", "-q", "-b", "main")
        git(service, "add", "-A")
        git(service, "commit", "-q", "--allow-empty", "-m", "edited")
        tree = git(service, "rev-parse", "HEAD^{tree}").strip()
        trees = merge.line_ends(service, tree, sides["base"], sides["template"])
        merged = merge.merge(service, trees[0], tree, trees[1], "template")
        assert merge.lost(merged) == []
        put(merged, "", git(service, "rev-parse", "HEAD").strip())
        # Each line of the user's is there, as often.
        assert not mine - written(service, sides["base"], "user")
        # Each line of the template's is there, or it went with a file that the user deleted, and that is named.
        missing = written(sides["template"], sides["base"], "template") - written(service, sides["base"], "template")
        assert not missing or merged.deleted or merged.conflicts
        # What is in conflict is what Git, asked independently, knows to be; nothing else holds a marker.
        unmerged = set(git(service, "diff", "--name-only", "--diff-filter=U").splitlines())
        assert unmerged == set(merged.conflicts)
        event("conflict" if unmerged else "clean")
        now = {
            str(path.relative_to(service)) for path in service.rglob("*") if path.is_file() and ".git" not in path.parts
        }
        marked = {
            name
            for name in now
            if any(line.startswith(b"<<<<<<< ") for line in (service / name).read_bytes().splitlines())
        }
        assert marked <= unmerged
        # A file that the user deleted does not come back, unless in a conflict.
        gone = {name for name in NAMES if name not in files and (sides["base"] / name).is_file()}
        assert {name for name in gone & now if name not in unmerged} == set()
        # And the way back leads back.
        subprocess.run(["git", "restore", "--staged", "--worktree", "."], cwd=service, check=True, capture_output=True)
        assert git(service, "status", "--porcelain") == ""


def test_a_lost_line_would_be_seen() -> None:
    """The program's own last look refuses a merge that dropped a line, however it came about."""
    with tempfile.TemporaryDirectory() as scratch:
        service = Path(scratch)
        trees = []
        git(service, "init", "-q", "-b", "main")
        for text in ("one\n", "one\nmine\n", "one\ntheirs\n"):
            (service / "file").write_text(text)
            git(service, "add", "-A")
            trees.append(git(service, "write-tree").strip())
        base, ours, theirs = trees
        good = merge.Merge(service, base, ours, theirs, tree=ours)
        assert merge.lost(good) == []
        assert merge.lost(merge.Merge(service, base, ours, theirs, tree=theirs)) == ["file: b'mine'"]
