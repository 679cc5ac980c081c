"""The set-ups that are compared."""

import re

from benchmarks import variants
from tests.harness.service import TEMPLATE

APP = TEMPLATE / "{{cookiecutter.project_slug}}/options/framework/fastapi/src/{{cookiecutter.package_name}}/app.py"


def test_alternatives_have_what_is_left_of_the_app() -> None:
    """The lines that they remove are there; what else app.py takes from telemetry, each of them has."""
    app = APP.read_text()
    for line in variants.OURS_ALONE:
        assert line in app
        app = app.replace(line, "")
    used = {*re.findall(r"\btelemetry\.(\w+)", app)}
    assert {"configure", "shutdown"} <= used <= {"configure", "instrument", "report", "shutdown"}


def test_each_alternative_says_what_it_installs_and_how_many_spans_it_makes() -> None:
    """Besides the three that both transports have, each variant has packages, spans and a module."""
    common = {"plain", "ours", "zero_code"}
    compared = {name for names in variants.COMPARED.values() for name in names}
    assert set(variants.PACKAGES) == set(variants.SPANS) == compared - common
    for name in variants.PACKAGES:
        assert (variants.ALTERNATIVES / f"{variants.MODULES.get(name, name)}.py").is_file()
