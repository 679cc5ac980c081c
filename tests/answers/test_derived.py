"""Derived answers: whatever a person calls the service, a usable slug and package follow, or a clear refusal."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from .hook import NAMES

generate_context = importlib.import_module("cookiecutter.generate").generate_context
prompt_for_config = importlib.import_module("cookiecutter.prompt").prompt_for_config


def derived(template: Path, **answers: str) -> Any:
    """Return all answers, as Cookiecutter derives them from those given."""
    context = generate_context(str(template / "cookiecutter.json"), extra_context=answers)
    return prompt_for_config(context, no_input=True)


@pytest.mark.parametrize(
    ("name", "slug", "package"),
    [
        ("Payment Service", "payment-service", "payment_service"),
        ("!!!", "service", "service"),
        ("...", "service", "service"),
        ("-", "service", "service"),
        ("👩‍👩‍👧", "service", "service"),
        ("支付", "zhi-fu", "zhi_fu"),
        ("שלום", "shlvm", "shlvm"),
        ("3D Secure", "service-3d-secure", "service_3d_secure"),
        ("42", "service-42", "service_42"),
        ("Bücher & Co.", "bucher-co", "bucher_co"),
        ("a/b\\c", "a-b-c", "a_b_c"),
        ("x" * 200, "x" * 40, "x" * 40),
        ("1" * 200, "service-" + "1" * 40, "service_" + "1" * 40),
        ("ab " * 60, "ab-" * 13 + "a", "ab_" * 13 + "a"),
        ("a " * 100, "-".join("a" * 20), "_".join("a" * 20)),
    ],
    ids=ascii,
)
def test_a_name_gives_a_slug_and_a_package(name: str, slug: str, package: str, template: Path) -> None:
    """A derived answer never comes out empty, and passes the rules."""
    answers = derived(template, project_name=name)
    assert (answers["project_slug"], answers["package_name"]) == (slug, package)
    assert [*NAMES["problems"](answers, {})] == []


@pytest.mark.parametrize(("slug", "package"), [("a-b", "a_b"), ("shop", "shop"), ("a1-2", "a1_2"), ("!", "service")])
def test_a_slug_gives_a_package(slug: str, package: str, template: Path) -> None:
    """The package is the slug with underscores."""
    assert derived(template, project_slug=slug)["package_name"] == package


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Import", "package_name must be a name that is not a Python keyword, got 'import'."),
        ("JSON", "package_name must be a name that Python's standard library does not use, got 'json'."),
        (
            "FastAPI",
            "package_name must be a name that no package, module or command in its environment has, got 'fastapi'.",
        ),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, sentence: str, template: Path) -> None:
    """Where the derived name belongs to something else, the sentence says so, and another can be given."""
    assert [*NAMES["problems"](derived(template, project_name=name), {})][-1] == sentence
    answers = derived(template, project_name=name, project_slug="the-shop")
    assert [*NAMES["problems"](answers, {})] == []
