"""The template's files can be read by editors and linters before they are rendered."""

import ast
import importlib
import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from jinja2 import Environment

from . import template

yaml = importlib.import_module("yaml")


def name(path: Path) -> str:
    """Return the path below the repository, to tell parametrized tests apart."""
    return str(path.relative_to(template.ROOT))


@pytest.mark.parametrize("path", [*template.files(".py"), *template.HOOKS], ids=name)
def test_python_parses_unrendered(path: Path) -> None:
    """Every Python file, hooks included, is Python before it is rendered."""
    ast.parse(path.read_text(), str(path))


@pytest.mark.parametrize("path", [*template.files(".toml"), *template.files(".json")], ids=name)
def test_toml_and_json_parse_unrendered(path: Path) -> None:
    """Every TOML and JSON file is TOML or JSON before it is rendered."""
    parse = tomllib.loads if path.suffix == ".toml" else json.loads
    assert parse(path.read_text())


@pytest.mark.parametrize("path", [*template.files(".yaml"), *template.files(".yml")], ids=name)
def test_yaml_parses_unrendered(path: Path) -> None:
    """Every YAML file is YAML before it is rendered."""
    assert all(document for document in yaml.safe_load_all(path.read_text()))


def test_tags_stand_in_strings() -> None:
    """An answer is data in the template's Python: each tag stands in a string literal, never in code."""
    strings = "".join(
        node.value
        for path in template.files(".py")
        for node in ast.walk(template.tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    text = "".join(path.read_text() for path in template.files(".py"))
    assert sorted(re.findall(r"\{\{.*?\}\}", strings)) == sorted(re.findall(r"\{\{.*?\}\}", text))


def test_only_answers_are_named() -> None:
    """Every answer that a file or a path names is in cookiecutter.json."""
    copied = template.ANSWERS["_copy_without_render"]
    named: set[str] = set()
    for path in template.files():
        where = str(path.relative_to(template.PROJECT))
        named |= set(re.findall(r"cookiecutter\.(\w+)", where))
        if not any(Path(where).match(pattern) for pattern in copied):
            Environment().parse(path.read_text())
            named |= set(re.findall(r"\{[{%][^}]*?cookiecutter\.(\w+)", path.read_text()))
    assert "project_slug" in named
    assert named <= set(template.ANSWERS)


def test_a_file_without_tags_is_copied_and_not_rendered() -> None:
    """Cookiecutter compiles a template for each file that it renders, so it renders those with tags and no others."""
    patterns = template.ANSWERS["_copy_without_render"]
    for path in template.files():
        copied = any(fnmatch(str(path.relative_to(template.PROJECT)), pattern) for pattern in patterns)
        has_tag = re.search(r"\{\{|\{%|\{#|^\s*#%", path.read_text(), re.MULTILINE) is not None
        assert copied != has_tag or (copied and ".github" in path.parts), path
