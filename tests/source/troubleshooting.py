"""Writes docs/troubleshooting.md from the tables that the service's own messages come from."""

import ast
import re
from collections.abc import Iterator, Mapping

from . import template
from .table import assigned, findings

PAGE = template.ROOT / "docs" / "troubleshooting.md"
HEAD = """# Troubleshooting

`uv run payment-service doctor` finds these faults and says the sentences below; `--json` has the keys. This page is written
from the tables of `telemetry/doctor_findings.py` and `telemetry/settings.py` by `python -m tests.source.troubleshooting`.
What stands in braces is known when it is said: `{address}` is host and port, `{endpoint}`, `{ca}`, `{certificate}`, `{key}`,
`{headers}` and `{timeout}` are the variables that decided, a signal's own or the one for all.
"""
SECTIONS = {
    "PATH": (
        "The path",
        "One span, metric and log record are sent by the service's own exporters, each to its own endpoint.",
    ),
    "SETTINGS": (
        "Choices that silence a service",
        "Legal settings, by which a healthy service sends nothing, or loses its callers.",
    ),
    "PROCESS": ("The process", "Who else sets OpenTelemetry up, what is installed, and what an import starts."),
}


def _rows() -> Iterator[tuple[str, str, str]]:
    """Yield key, pattern and expectation of each of settings.RULES, as they are written."""
    (path,) = template.python(f"{template.TELEMETRY}settings.py")
    tables = [node for node in template.tree(path).body if isinstance(node, ast.AnnAssign)]
    (rules,) = [node.value for node in tables if ast.unparse(node.target) == "RULES"]
    assert isinstance(rules, ast.Tuple)
    for row in rules.elts:
        assert isinstance(row, ast.Tuple)
        key, pattern, _, expected = row.elts
        names = assigned("settings", pattern.id) if isinstance(pattern, ast.Name) else ast.literal_eval(pattern)
        yield ast.literal_eval(key), names, _words(expected)


def _words(node: ast.expr) -> str:
    """Return what an expectation says, with the name of what each protocol has of its own."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return str(assigned("settings", node.id))
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values)
    name = ast.unparse(node)
    return {
        "protocol.PROTOCOL": "grpc (or http/protobuf)",
        "protocol.ENDPOINT": "http://host:port or https://host:port",
    }.get(name, "gzip or none (over HTTP deflate, too)")


def rules() -> Mapping[str, tuple[str, str]]:
    """Return the variables and the expectation of each rule for one value, by key."""
    return {key: (_variables(pattern), expected) for key, pattern, expected in _rows()}


def beside() -> Mapping[str, str]:
    """Return the expectation of each rule for several values, by key."""
    found: Mapping[str, str] = assigned("settings", "BESIDE")
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
    lines += ["*VARIABLE* must be *what is expected*, got *value*; using *what is used instead*.\n"]
    lines += ["| key | variables | must be | what to change |", "|---|---|---|---|"]
    for key, (variables, expected) in rules().items():
        lines.append(_row(f"`{key}`", variables, expected, fixes.get(key, general)))
    for key, expected in beside().items():
        lines.append(_row(f"`{key}`", "several", expected.replace("{}", "..."), fixes.get(key, general)))
    lines += ["", "## Good to know\n", "Notes leave the exit status at 0.\n", "| key | what is said |", "|---|---|"]
    lines += [_row(f"`{key}`", says) for key, says in findings("NOTES").items()]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(re.sub(r'[|]', '/', cell) for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
