"""`make update` tells the truth by its exit status, also where cruft says "Good work!"."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..harness.service import TEMPLATE, clean_environment

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
IGNORED = shutil.ignore_patterns(".git", ".venv", "uv.lock", "*cache*", "tests", "benchmarks", "docs")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a person with no Git configuration would."""
    who = {f"GIT_{role}_{what}": "x@y.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(proxies=True)
        | who
        | {"PATH": f"{BIN}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": os.devnull},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def commit(folder: Path) -> None:
    """Commit all that is in the folder, as the repository's first commit or a later one."""
    for command in ("git init -q -b main", "git add -A", "git commit -q -m change"):
        done = run(folder, *command.split())
        assert done.returncode == 0, done.stderr


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a copy of the template with a history of its own."""
    copy = tmp_path / "template"
    shutil.copytree(TEMPLATE, copy, ignore=IGNORED)
    commit(copy)
    return copy


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Path:
    """Return a service that cruft has made from the template, committed."""
    done = run(tmp_path, "cruft", "create", "--no-input", str(template))
    assert done.returncode == 0, done.stderr
    commit(tmp_path / "payment-service")
    return tmp_path / "payment-service"


def lifecycle(template: Path) -> Path:
    """Return the template's source of telemetry/lifecycle.py."""
    return next(template.glob("*project_slug*")) / "src/{{cookiecutter.package_name}}/telemetry/lifecycle.py"


def test_an_untouched_service_takes_the_new_version(template: Path, service: Path) -> None:
    """What the template changed is there afterwards, what the user changed still is, and the exit status is 0."""
    edit(lifecycle(template), "DEADLINE_SECONDS = 5.0", "DEADLINE_SECONDS = 4.0")
    commit(template)
    edit(service / "src/payment_service/transactions.py", "processed transaction", "booked transaction")
    commit(service)
    done = run(service, "make", "update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DEADLINE_SECONDS = 4.0" in (service / "src/payment_service/telemetry/lifecycle.py").read_text()
    assert "booked transaction" in (service / "src/payment_service/transactions.py").read_text()


def test_a_conflict_is_no_success(template: Path, service: Path) -> None:
    """Where both sides changed a line the file is named, the exit status is not 0, and the way back works."""
    edit(lifecycle(template), "DEADLINE_SECONDS = 5.0", "DEADLINE_SECONDS = 4.0")
    commit(template)
    edit(service / "src/payment_service/telemetry/lifecycle.py", "DEADLINE_SECONDS = 5.0", "DEADLINE_SECONDS = 3.0")
    commit(service)
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert "lifecycle.py" in done.stdout + done.stderr
    assert "git reset --hard" in done.stderr
    assert run(service, "git", "reset", "--hard").returncode == 0
    assert "DEADLINE_SECONDS = 3.0" in (service / "src/payment_service/telemetry/lifecycle.py").read_text()


def test_a_service_without_its_memory_is_told_how_to_get_it(service: Path) -> None:
    """A service that plain Cookiecutter made is left as it is, with a sentence that names the way."""
    (service / ".cruft.json").unlink()
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert "cruft@2.16.0 link" in done.stderr
    assert "Nothing was changed" in done.stderr


def test_the_memory_of_another_service_is_refused(service: Path) -> None:
    """A .cruft.json that names another package would update nothing, and say that all is well."""
    edit(service / ".cruft.json", '"package_name": "payment_service"', '"package_name": "order_desk"')
    done = run(service, "make", "update")
    assert done.returncode != 0
    assert "payment_service" in done.stderr
