"""The set-ups that are compared."""

from benchmarks import variants
from tests.harness.service import TEMPLATE

APP = TEMPLATE / "{{cookiecutter.project_slug}}/options/framework/fastapi/src/{{cookiecutter.package_name}}/app.py"


def test_the_app_has_the_line_that_alternatives_remove() -> None:
    """With this line FastAPI's own set-up would stay off, and its figure would be that of no telemetry."""
    assert variants.NO_AUTO_CONFIGURE in APP.read_text()


def test_each_alternative_says_what_it_installs_and_how_many_spans_it_makes() -> None:
    """Besides the three that both transports have, each variant has packages, spans and a module."""
    common = {"plain", "ours", "zero_code"}
    compared = {name for names in variants.COMPARED.values() for name in names}
    assert set(variants.PACKAGES) == set(variants.SPANS) == compared - common
    for name in variants.PACKAGES:
        assert (variants.ALTERNATIVES / f"{variants.MODULES.get(name, name)}.py").is_file()
