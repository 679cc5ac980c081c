"""What a pipeline consists of: exactly these files, whole, and the same each time."""

import ast
import re
import stat
import sys
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import PIPELINE, ROOT
from .answers import ANSWERS, CHOICES, COMBINATIONS

PATHS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "paths.toml").read_text())
SOURCE = PIPELINE / "{{cookiecutter.pipeline_slug}}"
HOOKS = sorted((PIPELINE / "hooks").glob("*.py"))


def contents(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return the bytes and the mode of each file."""
    paths = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    return {str(p.relative_to(folder)): (p.read_bytes(), stat.filemode(p.lstat().st_mode)) for p in paths}


@pytest.fixture(params=COMBINATIONS, ids=lambda combination: "-".join(combination.values()))
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return each combination of choices in turn."""
    combination: dict[str, str] = request.param
    return combination


def test_exactly_these_files(answers: dict[str, str], pipelines: Callable[..., Path]) -> None:
    """Every combination renders to these files and no others; none may be run, and no folder is left over."""
    project = pipelines(**answers)
    found = contents(project)
    assert sorted(found) == sorted(PATHS["all"] + PATHS["target"][answers["target"]])
    assert {mode for _, mode in found.values()} == {"-rw-r--r--"}
    assert [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


def test_the_list_covers_every_target() -> None:
    """paths.toml has a list for each target, and no other."""
    assert set(PATHS["target"]) == set(CHOICES["target"])


def test_files_are_whole(answers: dict[str, str], pipelines: Callable[..., Path]) -> None:
    """No Jinja is left, each file ends with one newline, no line ends in white space, and YAML is YAML."""
    for name, (data, _) in contents(pipelines(**answers)).items():
        text = data.decode()
        assert re.findall(r"\{\{|\{%|\{#|^\s*#%|cookiecutter\.\w", text, re.MULTILINE) == [], name
        assert text.rstrip() + "\n" == text, name
        assert [line for line in text.splitlines() if line != line.rstrip()] == [], name
        assert "\n\n\n" not in text, name
        assert not re.search(r"\S\n## ", text), name  # a heading stands after an empty line
        if name.endswith(".yaml"):
            assert all(yaml.safe_load_all(text)), name


def test_the_same_answers_give_the_same_bytes(
    answers: dict[str, str], cookies: Any, pipelines: Callable[..., Path]
) -> None:
    """A second render of the same answers, somewhere else, has the same bytes and modes."""
    again = cookies.bake(extra_context=answers, template=str(PIPELINE)).project_path
    assert contents(again) == contents(pipelines(**answers))


def test_only_files_with_tags_are_rendered() -> None:
    """Files without a tag are copied, and each tag names an answer."""
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file():
            text = path.read_text()
            copied = any(fnmatch(str(path.relative_to(PIPELINE)), p) for p in ANSWERS["_copy_without_render"])
            assert copied != bool(re.search(r"\{\{|\{%|\{#|^\s*#%", text, re.MULTILINE)), path
            assert set(re.findall(r"cookiecutter\.(\w+)", text)) <= set(ANSWERS)


def test_sources_parse_before_rendering() -> None:
    """Each YAML file is YAML, and each hook Python, before it is rendered."""
    for path in SOURCE.rglob("*.yaml"):
        assert all(yaml.safe_load_all(path.read_text())), path
    for path in HOOKS:
        modules = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "json" in modules
        assert modules <= sys.stdlib_module_names


def test_what_both_templates_state_is_equal() -> None:
    """The version and the post hook are those of the services' template."""
    version = r'"__template_version": "([^"]+)"'
    texts = [(folder / "cookiecutter.json").read_text() for folder in (ROOT, PIPELINE)]
    assert re.findall(version, texts[0]) == re.findall(version, texts[1]) != []
    hooks = [(folder / "hooks/post_gen_project.py").read_bytes() for folder in (ROOT, PIPELINE)]
    assert hooks[0] == hooks[1]


def test_both_hooks_remove_the_same_empty_folders() -> None:
    """Cookiecutter copies each hook alone, so remove_empty() stands in two files: they say the same."""
    texts = [(folder / "hooks/pre_gen_project.py").read_text() for folder in (ROOT, PIPELINE)]
    functions = [re.search(r"\ndef remove_empty\(.*?\n\n\n", text, re.DOTALL) for text in texts]
    assert functions[0] is not None
    assert functions[1] is not None
    assert functions[0][0] == functions[1][0]
