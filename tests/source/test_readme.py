"""The READMEs name what exists, and nothing else."""

import re
from pathlib import Path

import pytest

from . import template

COMMANDS = ("uv sync", "uv run payment-service", "uv run payment-service doctor", "uv run pytest", "make update")
READMES = [template.ROOT / "README.md", template.PROJECT / "README.md"]


def rendered(path: Path) -> str:
    """Return a README's text with the default service's name in place of the tag."""
    return path.read_text().replace("{{ cookiecutter.project_slug }}", "payment-service")


def targets(makefile: Path) -> set[str]:
    """Return the targets that a Makefile declares as commands."""
    phony = re.findall(r"^\.PHONY: (.*)$", makefile.read_text(), re.MULTILINE)
    return {target for line in phony for target in line.split()}


@pytest.mark.parametrize("readme", READMES, ids=["template", "service"])
def test_the_five_commands_are_named(readme: Path) -> None:
    """Each of the five commands stands in a table, literally, as a person types it."""
    assert [command for command in COMMANDS if f"`{command}`" not in rendered(readme)] == []


@pytest.mark.parametrize("readme", READMES, ids=["template", "service"])
def test_every_make_target_exists(readme: Path) -> None:
    """What a README tells to make is a target of one of the Makefiles, with a rule of its own."""
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", rendered(readme)))
    makefiles = [template.ROOT / "Makefile", template.PROJECT / "Makefile"]
    assert {"update"} <= named <= set().union(*map(targets, makefiles))
    for makefile in makefiles:
        assert all(re.search(rf"^{target}:", makefile.read_text(), re.MULTILINE) for target in targets(makefile))


@pytest.mark.parametrize("readme", READMES, ids=["template", "service"])
def test_every_subcommand_exists(readme: Path) -> None:
    """The only word that follows the command in a README is one that the command takes."""
    named = set(re.findall(r"uv run payment-service ([a-z]+)", rendered(readme)))
    source = (template.PROJECT / template.PACKAGE / "__main__.py").read_text()
    assert "doctor" in named
    assert [command for command in named if f'add_parser("{command}"' not in source] == []
