"""Workflows, the template's own and the service's: nothing to find, with no configuration that hides anything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import ROOT
from .tools import judge


@pytest.fixture(params=["template", "service"])
def repository(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Path:
    """Return the template's folder, and then that of a rendered service."""
    return ROOT if request.param == "template" else rendered()


@pytest.mark.parametrize(
    "check",
    [
        "zizmor --offline --no-progress --persona=auditor .github",
        "check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml",
        "check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml",
        "actionlint .github/workflows/*.yml",
    ],
)
def test_nothing_is_found(repository: Path, check: str) -> None:
    """No schema is broken, no known weakness is there, and every action is pinned by its hash."""
    workflows = sorted(str(path.relative_to(repository)) for path in repository.glob(".github/workflows/*.yml"))
    done = judge(repository, check.replace(".github/workflows/*.yml", " ".join(workflows)))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mistake_is_found(tmp_path: Path) -> None:
    """An action that is named by its tag, which somebody can move, does not pass."""
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    pinned = next(line for line in workflow.splitlines() if "actions/checkout@" in line)
    (tmp_path / "ci.yml").write_text(workflow.replace(pinned, "        uses: actions/checkout@v7"))
    assert judge(tmp_path, "zizmor --offline ci.yml").returncode != 0
