"""What your baggage.py and log_lines.py decide, and the default if you have deleted one of them."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from . import log_format

SERVICE = str(__package__).rpartition(".")[0]  # the package that telemetry/ is in


def span_attributes() -> frozenset[str]:
    """Return the names of the baggage entries that are copied to every span."""
    baggage = _module("baggage")
    if not baggage:
        return frozenset()
    names: frozenset[str] = baggage.SPAN_ATTRIBUTES
    return names


def write_log_lines() -> None:
    """Let log lines be written as your log_lines.py says."""
    log_lines = _module("log_lines") or log_format
    log_lines.write_to_stdout()


def _module(name: str) -> ModuleType | None:
    """Return a module of the service, or None if there is no such file.

    It catches no ImportError: if an import inside your file fails, you must see the error.
    """
    full_name = f"{SERVICE}.{name}"
    if not find_spec(full_name):
        return None
    return import_module(full_name)
