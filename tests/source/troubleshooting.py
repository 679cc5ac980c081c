"""Writes docs/troubleshooting.md from the tables that the service's own messages come from."""

import re
from collections.abc import Mapping

from . import template
from .settings import settings
from .table import findings

PAGE = template.ROOT / "docs" / "troubleshooting.md"
HEAD = """# Troubleshooting

`uv run payment-service doctor` finds these faults and says the sentences below; `--json` has the keys. This page is written
from the tables of `telemetry/doctor/findings.py` and `telemetry/settings/rules.py` by `python -m tests.source.troubleshooting`.
What stands in braces is known when it is said: `{address}` is host and port, `{endpoint}`, `{ca}`, `{certificate}`, `{key}`,
`{headers}` and `{timeout}` are the variables that decided, a signal's own or the one for all.
"""
SECTIONS = {
    "PATH": (
        "The path",
        "The service's own exporters send one span, metric and log record, each to its own endpoint.",
    ),
    "SETTINGS": (
        "Valid settings that stop telemetry",
        "The service runs with these settings, but sends nothing or breaks traces.",
    ),
    "PROCESS": ("The process", "Other OpenTelemetry set-ups, incompatible packages, and what an import starts."),
}


def rules() -> Mapping[str, tuple[str, str]]:
    """Return the variables and the expectation of each rule for one value, by key."""
    grpc, http = (settings(protocol).RULES for protocol in ("grpc", "http"))
    found = {}
    for rule, over_http in zip(grpc, http, strict=True):
        words = rule.expected
        if over_http.expected != words:
            words += f" (OTLP over HTTP: {over_http.expected})"
        found[rule.key] = _variables(rule.names), words
    return found


def reasons() -> Mapping[str, str]:
    """Return the sentence of each fault that no rule for one value finds, by key."""
    found: Mapping[str, str] = settings("grpc").REASONS
    return found


def _variables(pattern: str) -> str:
    """Return a pattern of names as a person would write it."""
    plain = pattern.replace(r"\w*", "*").replace(r"\w+", "*").replace("(", "{").replace(")", "}").replace("|", ",")
    return f"`OTEL_{plain}`"


def page() -> str:
    """Return the page."""
    fixes, general = findings("FIXES"), findings("GENERAL")
    lines = [HEAD]
    for table, (title, text) in SECTIONS.items():
        lines += [f"## {title}\n", text, "", "| key | what is said | what to change |", "|---|---|---|"]
        lines += [_row(f"`{key}`", says, fix) for key, (says, fix) in findings(table).items()] + [""]
    lines += [
        "## Settings that cannot be used\n",
        "Each is one ERROR when the service starts, and a finding of the doctor's:",
    ]
    lines += ["*VARIABLE*='*value*' is ignored: expected *what is expected*. Using *what is used instead*.\n"]
    lines += ["| key | variables | expected | what to change |", "|---|---|---|---|"]
    for key, (variables, expected) in rules().items():
        lines.append(_row(f"`{key}`", variables, expected, fixes.get(key, general)))
    lines += [
        "",
        "Names, attributes and combinations have sentences of their own, which begin with the variable, too:\n",
    ]
    lines += ["| key | what is said of the variable | what to change |", "|---|---|---|"]
    for key, reason in reasons().items():
        lines.append(_row(f"`{key}`", reason, fixes.get(key, general)))
    lines += ["", "## Good to know\n", "Notes leave the exit status at 0.\n", "| key | what is said |", "|---|---|"]
    lines += [_row(f"`{key}`", says) for key, says in findings("NOTES").items()]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(re.sub(r'[|]', '/', cell) for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
