"""The figures as text: a table for a terminal, and the words that the plot has too."""

from collections.abc import Mapping

from .figures import Figure
from .results import Results, Versions

HEADER = ("", "", "variant", "value", "compared", "", "limit", "")
DIGITS = {"MB": 1, "ms": 1, "µs": 0, "spans/s": 0}


def shown(figure: Figure, name: str) -> str:
    """Return what a variant measured, with its unit."""
    return f"{figure.values[name]:,.{DIGITS[figure.unit]}f} {figure.unit}"


def compared(figure: Figure, name: str) -> str:
    """Return how a variant compares, or nothing for the one that others are compared with."""
    return f"{figure.ratios[name]:.2f}" if name in figure.ratios else ""


def lines(figures: list[Figure]) -> str:
    """Return the figures as lines with aligned columns."""
    rows = [HEADER, *(row for figure in figures for row in _rows(figure))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def markdown(results: Results) -> str:
    """Return the results for a README: a row for each figure, in brackets how a variant compares."""
    names = list(dict.fromkeys(name for figure in results.figures for name in figure.values))
    lines = [
        f"{results.origin}:",
        "",
        f"| | {' | '.join(names)} | in brackets |",
        f"|---|{'---|' * len(names)}---|",
    ]
    for figure in results.figures:
        cells = " | ".join(cell(figure, name) for name in names)
        lines.append(f"| {figure.transport}: {figure.what} | {cells} | {figure.compared} |")
    lines += ["", "Versions, the same for all that have the package:", ""]
    lines += [f"- {name} {version}" for name, version in _united(results.versions).items()]
    return "\n".join(lines)


def _united(found: Versions) -> dict[str, str]:
    """Return the versions of all variants together; constraints keep them equal."""
    together: dict[str, str] = {}
    for packages in found.values():
        together |= packages
    return dict(sorted(together.items()))


def cell(figure: Figure, name: str) -> str:
    """Return what a variant measured and how it compares, for the plot and a README; nothing if it was not measured."""
    if name not in figure.values:
        return ""
    ratio = compared(figure, name)
    return f"{shown(figure, name)} ({ratio})" if ratio else shown(figure, name)


def versions(found: Versions) -> str:
    """Return a line for each variant with its versions."""
    return "\n".join(f"{name}: {_listed(packages)}" for name, packages in found.items())


def _listed(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in packages.items())


def _rows(figure: Figure) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in figure.values:
        limit = verdict = ""
        if name == "ours" and figure.limit is not None:
            limit = f"<= {figure.limit:g}"
            verdict = "met" if figure.met else "MISSED"
        words = figure.compared if name in figure.ratios else ""
        cells = (name, shown(figure, name), compared(figure, name), words, limit, verdict)
        rows.append((figure.transport, figure.what, *cells))
    return rows
