"""telemetry's defaults for a user's file that is gone."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import template

Load = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that gives user_files.py in a service with these files, each a name and its source."""
    package = f"shop_{tmp_path.name}"  # a module is imported once in a process
    telemetry = tmp_path / package / "telemetry"
    telemetry.mkdir(parents=True)
    for folder in (telemetry, telemetry.parent):
        (folder / "__init__.py").touch()
    for name in ("user_files.py", "log_format.py"):
        shutil.copy(template.PROJECT / template.TELEMETRY / name, telemetry)
    monkeypatch.syspath_prepend(tmp_path)

    def module(**files: str) -> Any:
        for name, source in files.items():
            (telemetry.parent / f"{name}.py").write_text(source)
        return importlib.import_module(f"{package}.telemetry.user_files")

    return module


def test_without_baggage_nothing_is_copied(load: Load) -> None:
    """A service whose baggage.py is gone copies no entry of baggage to its spans."""
    assert load().span_attributes() == frozenset()


def test_baggage_says_what_is_copied(load: Load) -> None:
    """Where baggage.py is, its names hold."""
    assert load(baggage='SPAN_ATTRIBUTES = frozenset({"tenant.id"})').span_attributes() == {"tenant.id"}


def test_log_lines_writes_the_lines(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Where log_lines.py is, its function is called and not the default."""
    load(log_lines='def write_to_stdout() -> None:\n    print("mine")').write_log_lines()
    assert capsys.readouterr().out == "mine\n"


@pytest.mark.parametrize("source", ["import nothing_here", "from . import nothing_here", "raise ImportError('mine')"])
def test_an_error_in_a_file_is_seen(source: str, load: Load) -> None:
    """A file that is there and cannot be imported is no file that is gone: its error comes out, whatever it imports."""
    user_files = load(baggage=source, log_lines=source)
    for read in (user_files.span_attributes, user_files.write_log_lines):
        with pytest.raises(ImportError, match=r"nothing_here|mine"):
            read()
