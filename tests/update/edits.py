"""What people do to a service between two updates: each edit changes it, and says what must come of it."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from pathlib import Path

PACKAGE = "src/payment_service"
TELEMETRY = f"{PACKAGE}/telemetry"
MINE = "kept, whatever comes"  # stands in every line that an edit writes


@dataclass
class Sides:
    """A service before the update, and the pristine renders of its version and of the new one."""

    service: Path
    old: Path
    new: Path

    def changed(self, *patterns: str) -> str:
        """Return the first file that the template changed, among those that match, and where a line of the old goes."""
        for pattern in patterns:
            for path in sorted(self.old.glob(pattern)):
                name = str(path.relative_to(self.old))
                if (self.new / name).is_file() and self.removed(name):
                    return name
        raise AssertionError(f"the template changed none of {patterns}")

    def common(self, name: str) -> Match:
        """Return the longest run of lines that a file has in both versions."""
        texts = [(side / name).read_text() if (side / name).exists() else "" for side in (self.old, self.new)]
        old, new = (text.splitlines() for text in texts)
        return SequenceMatcher(None, old, new, autojunk=False).find_longest_match()

    def alike(self, pattern: str) -> list[str]:
        """Return the files that match, the one with the longest run of common lines first."""
        names = [str(path.relative_to(self.old)) for path in self.old.glob(pattern)]
        return sorted(names, key=lambda name: self.common(name).size, reverse=True)

    def dropped(self, pattern: str) -> str:
        """Return the first file that matches and that the new version has no longer, or nothing."""
        names = sorted(str(path.relative_to(self.old)) for path in self.old.glob(pattern))
        return next((name for name in names if not (self.new / name).exists()), "")

    def removed(self, name: str) -> str:
        """Return a line of the old file that the new one has no longer, and that stands there once."""
        old, new = (side / name for side in (self.old, self.new))
        lines = old.read_text().splitlines()
        gone = [line for line in lines if line.strip() and line not in new.read_text().splitlines()]
        return next((line for line in gone if lines.count(line) == 1), "")


@dataclass
class Edit:
    """An edit, by its function; `status` and `settle` are what the update must then end with."""

    do: Callable[[Sides], None]
    answers: tuple[str, ...] = ()
    status: int | None = None  # 1 where there is something to settle, else 0
    settle: Callable[[Sides], set[str]] = lambda sides: set()
    told: Callable[[Sides], set[str]] = lambda sides: set()
    gone: Callable[[Sides], set[str]] = lambda sides: set()  # files that must not be there afterwards


def comment(sides: Sides, name: str, at: str = "") -> None:
    """Write a line in the middle of the longest part of a file that the template has not changed since."""
    match = sides.common(name)
    assert match.size >= 4, name  # two unchanged lines on either side: Git sees no conflict
    line = match.a + match.size // 2
    file = sides.service / (at or name)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:line], f"# {MINE}: {name}\n", *lines[line:]]))


def nothing(sides: Sides) -> None:
    """Leave the service as it was rendered."""


def user_files(sides: Sides) -> None:
    """Edit what is the user's: the application, its work, its tests, the README, a manifest."""
    for name in (f"{PACKAGE}/app.py", f"{PACKAGE}/transactions.py", "tests/test_app.py", "README.md"):
        comment(sides, name)
    with (sides.service / ".gitignore").open("a") as file:
        file.write(f"# {MINE}: the last line\n")
    (sides.service / PACKAGE / "refunds.py").write_text(f'"""{MINE}: a module of our own."""\n')


def owned_elsewhere(sides: Sides) -> None:
    """Edit what is the template's, where the template does not."""
    for name in (sides.alike(f"{TELEMETRY}/*.py")[0], sides.alike("tests/telemetry/*.py")[0]):
        comment(sides, name)


def owned_dropped(sides: Sides) -> None:
    """Edit a module of the template's that the new version has no longer, if there is one."""
    for name in the_dropped(sides):
        file = sides.service / name
        lines = file.read_text().splitlines(keepends=True)
        middle = len(lines) // 2
        file.write_text("".join([*lines[:middle], f"# {MINE}: {name}\n", *lines[middle:]]))


def the_dropped(sides: Sides) -> set[str]:
    """Name the file of `owned_dropped`."""
    return {sides.dropped(f"{TELEMETRY}/*.py")} - {""}


def owned_same_line(sides: Sides) -> None:
    """Edit a line of the template's that the template changed too."""
    name = sides.changed(f"{TELEMETRY}/*.py")
    file = sides.service / name
    line = sides.removed(name)
    indent = line[: len(line) - len(line.lstrip())]
    file.write_text(file.read_text().replace(f"{line}\n", f"{line}\n{indent}# {MINE}: {name}\n", 1))
    file.write_text(file.read_text().replace(f"{line}\n", f"{line}  # {MINE}: the same line\n", 1))


def the_same_line(sides: Sides) -> set[str]:
    """Name the file of `owned_same_line`."""
    return {sides.changed(f"{TELEMETRY}/*.py")}


def delete(sides: Sides) -> None:
    """Delete files that are the user's: a whole folder, and one that the template has changed since."""
    shutil.rmtree(sides.service / "deploy")
    (sides.service / changed_text(sides)).unlink()
    (sides.service / ".dockerignore").unlink()


def changed_text(sides: Sides) -> str:
    """Name a file outside of src/ and deploy/ that the template changed, pyproject.toml not."""
    return sides.changed("README.md", "Makefile", "Dockerfile", ".github/workflows/*")


def delete_the_tests(sides: Sides) -> None:
    """Delete the telemetry tests, so that nothing can prove anything."""
    shutil.rmtree(sides.service / "tests/telemetry")


def rename(sides: Sides) -> None:
    """Move the user's files, one of them changed by the template since, and edit them on the way."""
    package = sides.service / PACKAGE
    (package / "transactions.py").rename(package / "payments.py")
    for name in ("app.py", "../../tests/test_app.py"):
        file = package / name
        file.write_text(re.sub(r"\btransactions\b(?=(\.| import| as))", "payments", file.read_text()))
    comment(sides, f"{PACKAGE}/transactions.py", f"{PACKAGE}/payments.py")
    (sides.service / "docs").mkdir()
    name = changed_text(sides)
    (sides.service / name).rename(sides.service / "docs" / Path(name).name)
    comment(sides, name, f"docs/{Path(name).name}")


def crlf(sides: Sides) -> None:
    """Store files with Windows' line ends, one of them edited, one of them the template's."""
    for name in (changed_text(sides), sides.alike(f"{TELEMETRY}/*.py")[0], f"{PACKAGE}/transactions.py"):
        file = sides.service / name
        comment(sides, name)
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def executable(sides: Sides) -> None:
    """Give files the right to be run, the template's and one that it changed among them."""
    for name in (changed_text(sides), f"{TELEMETRY}/providers.py", f"{PACKAGE}/app.py"):
        (sides.service / name).chmod(0o755)
    script = sides.service / "deploy.sh"
    script.write_text(f"#!/bin/sh\n# {MINE}: a script\n")
    script.chmod(0o755)


def binary(sides: Sides) -> None:
    """Put a picture where the template has a text that it changed, and another beside it."""
    (sides.service / changed_text(sides)).write_bytes(b"\x89PNG\0\r\n" + bytes(range(256)))
    (sides.service / "logo.png").write_bytes(b"\x89PNG\0\n" + bytes(range(256)))


def link(sides: Sides) -> None:
    """Put a link where the template has a file that it changed."""
    file = sides.service / changed_text(sides)
    (sides.service / "elsewhere").write_text(f"{MINE}: behind the link\n")
    file.unlink()
    file.symlink_to("elsewhere")


def same_name(sides: Sides) -> None:
    """Make a file of one's own where the new version brings one."""
    name = brought(sides)
    (sides.service / name).parent.mkdir(parents=True, exist_ok=True)
    (sides.service / name).write_text(f"# {MINE}: {name}\n")


def brought(sides: Sides) -> str:
    """Name a file that the new version brings, the update program's own not."""
    names = {str(path.relative_to(sides.new)) for path in sides.new.rglob("*") if path.is_file()}
    brought = sorted(name for name in names if not (sides.old / name).exists() and not name.startswith(".template"))
    return brought[0]


def in_the_way(sides: Sides) -> None:
    """Have a file that Git ignores where the new version brings one."""
    same_name(sides)
    with (sides.service / ".git/info/exclude").open("a") as file:
        file.write(f"/{brought(sides)}\n")


def drop_lines(sides: Sides) -> None:
    """Delete lines of the user's files, and rewrite another as a whole."""
    work = sides.service / PACKAGE / "transactions.py"
    work.write_text("".join(line for line in work.read_text().splitlines(True) if not line.startswith("log.")))
    (sides.service / "Dockerfile").write_text(f"# {MINE}: a Dockerfile of our own\nFROM scratch\n")


def the_dockerfile(sides: Sides) -> set[str]:
    """Name the file that `drop_lines` rewrote, which the template has changed since."""
    return {"Dockerfile"}


EDITS: dict[str, Edit] = {
    "untouched": Edit(nothing),
    "user files edited": Edit(user_files),
    "lines dropped, file rewritten": Edit(drop_lines, settle=the_dockerfile),
    "template-owned edited elsewhere": Edit(owned_elsewhere),
    "template-owned edited at the same line": Edit(owned_same_line, settle=the_same_line),
    "template-owned edited and dropped since": Edit(owned_dropped, settle=the_dropped),
    "deleted": Edit(
        delete,
        told=lambda sides: {f"{changed_text(sides)}: you deleted it"},
        gone=lambda sides: {"deploy/service.yaml", "deploy", ".dockerignore", changed_text(sides)},
    ),
    "telemetry tests deleted": Edit(
        delete_the_tests, status=1, gone=lambda sides: {"tests/telemetry/test_configure.py"}
    ),
    "renamed": Edit(
        rename,
        told=lambda sides: {f"{changed_text(sides)}: you moved it to docs/"},
        gone=lambda sides: {changed_text(sides), f"{PACKAGE}/transactions.py"},
    ),
    "CRLF": Edit(crlf),
    "executable": Edit(executable),
    "binary": Edit(binary, settle=lambda sides: {changed_text(sides)}),
    "link": Edit(link, settle=lambda sides: {changed_text(sides)}),
    "a file of the same name": Edit(same_name, settle=lambda sides: {brought(sides)}),
    "an ignored file in the way": Edit(in_the_way, status=2),
    "protocol changed": Edit(user_files, answers=("otlp_protocol=http",)),
    "team changed": Edit(user_files, answers=("team=treasury",)),
}
