"""What your baggage.py and log_lines.py decide, and what holds if you have deleted one of them."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from . import log_format

SERVICE = str(__package__).rpartition(".")[0]


def span_attributes() -> frozenset[str]:
    """Return the names of the baggage entries that are copied to every span."""
    module = _module("baggage")
    names: frozenset[str] = module.SPAN_ATTRIBUTES if module else frozenset()
    return names


def write_to_stdout() -> None:
    """Send log lines to standard output."""
    module = _module("log_lines") or log_format
    module.write_to_stdout()


def _module(name: str) -> ModuleType | None:
    """Return a module of the service, or None if there is no such file.

    It catches no ImportError: if an import inside your file fails, you must see the error.
    """
    full_name = f"{SERVICE}.{name}"
    return import_module(full_name) if find_spec(full_name) else None
