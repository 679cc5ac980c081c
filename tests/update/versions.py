"""The template's versions, as a repository whose history is one commit for each: the past ones are kept beside this file.

At a release, `python -m tests.update.versions` keeps the current one; a test then holds its number to its content.
"""

import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ..harness.service import TEMPLATE
from .shell import commit, run

KEPT = Path(__file__).parent / "versions"
RENDERED = ("cookiecutter.json", "hooks", "templates", "{{cookiecutter.project_slug}}")
PROGRAM = "update"  # is not rendered: the newest one updates the services of every version
CURRENT = json.loads((TEMPLATE / "cookiecutter.json").read_text())["__template_version"]


def past() -> list[str]:
    """Return the versions that are kept, oldest first."""
    names = [path.name.removesuffix(".tar.xz") for path in KEPT.glob("*.tar.xz")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


VERSIONS = [*past(), *({CURRENT} - set(past()))]
NEXT = "99.0.0"


def unpack(version: str, into: Path) -> Path:
    """Write the files of a kept version below `into`; return it."""
    with tarfile.open(KEPT / f"{version}.tar.xz") as archive:
        archive.extractall(into, filter="data")
    return into


def copy_current(into: Path) -> Path:
    """Copy what is rendered, the update program and the changelog below `into`; return it."""
    caches = shutil.ignore_patterns("__pycache__", "*_cache", ".venv")
    for name in (*RENDERED, PROGRAM):
        if (TEMPLATE / name).is_dir():
            shutil.copytree(TEMPLATE / name, into / name, ignore=caches, dirs_exist_ok=True)
        elif (TEMPLATE / name).exists():
            shutil.copy(TEMPLATE / name, into / name)
    shutil.copy(TEMPLATE / "CHANGELOG.md", into)
    return into


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that a version is made of, caches not."""
    for name in RENDERED:
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not re.search(r"_cache(__)?/", str(file.relative_to(folder))):
                yield str(file.relative_to(folder)), file


def digest(folder: Path) -> str:
    """Return one hash of all names, contents and run bits."""
    hashed = hashlib.sha256()
    for name, file in files(folder):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        hashed.update(f"{name} {bool(file.stat().st_mode & 0o100)} {content}\n".encode())
    return hashed.hexdigest()


def make_next(folder: Path) -> None:
    """Change the current version as the next one may: a text, code of the template's, a new file, the changelog."""
    (project,) = folder.glob("*project_slug*")
    for name in ("README.md", "Dockerfile"):
        lines = (project / name).read_text().splitlines(keepends=True)
        middle = next(n for n in range(len(lines) // 2, len(lines)) if lines[n].strip() and lines.count(lines[n]) == 1)
        lines[middle] = f"# {lines[middle].rstrip()} (the next version)\n"
        (project / name).write_text("".join(lines))
    settings = project / "src/{{cookiecutter.package_name}}/telemetry/providers.py"
    settings.write_text(settings.read_text().replace('"""', '"""In the next version: ', 1))
    (project / "SECURITY.md").write_text("# Security\n\nWrite to security@example.org.\n")
    answers = folder / "cookiecutter.json"
    answers.write_text(
        answers.read_text().replace(f'"__template_version": "{CURRENT}"', f'"__template_version": "{NEXT}"')
    )
    log = folder / "CHANGELOG.md"
    log.write_text(log.read_text().replace("\n## ", f"\n## {NEXT}\n\nNobody has to do anything.\n\n## ", 1))


def history(folder: Path) -> tuple[Path, dict[str, str]]:
    """Make a repository of all versions, past, current and next; return it and the commit of each version."""
    folder.mkdir()
    commits = {}
    for version in [*VERSIONS, NEXT]:
        for path in folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        unpack(version, folder) if version in past() else copy_current(folder)
        if version == NEXT:
            make_next(folder)
        commit(folder, f"Release {version}")
        commits[version] = run(folder, "git", "rev-parse", "HEAD").stdout.strip()
    return folder, commits


def keep(version: str) -> None:
    """Write the current version's archive; the same files give the same bytes."""
    with tarfile.open(KEPT / f"{version}.tar.xz", "w:xz", preset=9) as archive:
        for name, file in files(TEMPLATE):
            member = tarfile.TarInfo(name)
            data = file.read_bytes()
            member.size, member.mode = len(data), 0o755 if file.stat().st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    if CURRENT in past():
        sys.exit(f"{CURRENT} is kept already: give cookiecutter.json a new __template_version first")
    keep(CURRENT)
