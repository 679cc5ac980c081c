"""Corrects the OTEL_* variables of this process before OpenTelemetry reads them.

The SDK raises on some invalid values, some of them while it is imported, and replaces others
without a word. So every variable is checked here first. Corrections are written back to
os.environ, where the SDK, libraries and child processes find them.
"""

import os
from collections.abc import Mapping

from .. import masking
from .problem import REASONS, Problem
from .rules import DEFAULTS, RULES
from .validation import Validation, is_otel

__all__ = [
    "DEFAULTS",
    "REASONS",
    "RULES",
    "Problem",
    "correct",
    "judge",
    "problems",
]

# What correct() has found, for the log and for the doctor.
problems: tuple[Problem, ...] = ()


def correct() -> None:
    """Correct os.environ, and keep what was wrong with it in `problems`."""
    global problems
    masking.learn(os.environ)
    settled, found = judge(os.environ)
    for name in list(os.environ):
        if is_otel(name):
            del os.environ[name]
    os.environ.update(settled)
    problems = tuple(found)


def judge(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the OTEL_* variables as the SDK may read them, and what is wrong with the given ones.

    The result has no empty values: the specification treats them as unset.
    """
    validation = Validation(environ)
    validation.remove_misspelt()
    validation.check_values()
    validation.fit_batches_into_queues()
    validation.copy_length_limit()
    validation.complete_conventions()
    validation.check_sampler_argument()
    validation.check_client_certificates()
    validation.check_service_name()
    validation.check_attributes()
    validation.unset_no_compression()
    validation.unset_default_endpoint()
    validation.count_only_for_metrics()
    return validation.settled, validation.problems
