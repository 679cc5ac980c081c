"""The template's versions: one number, told everywhere alike, and never given twice."""

import re
import tomllib
from pathlib import Path

import pytest

from ..conftest import ROOT
from ..harness.service import TEMPLATE
from .versions import CURRENT, KEPT, digest, past, unpack


def number(version: str) -> tuple[int, ...]:
    """Return a version as what is compared."""
    return tuple(int(part) for part in version.split("."))


def test_the_version_is_the_same_everywhere() -> None:
    """cookiecutter.json, pyproject.toml and the newest entry of the changelog agree."""
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == CURRENT
    assert entries == sorted(entries, key=number, reverse=True)


def test_every_kept_version_has_an_entry() -> None:
    """The changelog has an entry for each version that is kept, and kept are all but the current one."""
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert past() == [entry for entry in reversed(entries) if entry != CURRENT or CURRENT in past()]
    assert len(past()) >= 3
    assert sum(path.stat().st_size for path in KEPT.iterdir()) < 1_000_000


def test_the_current_version_is_new_or_unchanged(tmp_path: Path) -> None:
    """A number that was given stands for the same files for ever: the current one is newer, or its files are the kept ones."""
    if CURRENT in past():
        assert digest(unpack(CURRENT, tmp_path)) == digest(TEMPLATE)
    else:
        assert number(CURRENT) > max(map(number, past()))


@pytest.mark.parametrize("change", ["text", "mode", "name"])
def test_a_changed_file_would_be_seen(change: str, tmp_path: Path) -> None:
    """Another content, run bit or name gives another digest; another place of the folder does not."""
    one, other = (unpack(past()[-1], tmp_path / name) for name in ("one", "other"))
    assert digest(one) == digest(other)
    file = other / "cookiecutter.json"
    hook = other / "hooks/post_gen_project.py"
    if change == "text":
        file.write_text(file.read_text() + " ")
    elif change == "mode":
        file.chmod(0o755)
    else:
        hook.rename(hook.with_name("post.py"))
    assert digest(one) != digest(other)
