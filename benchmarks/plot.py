"""The plot of the results, as the text of an SVG file: a panel of bars for each figure, gRPC left and HTTP right.

It needs no library, and its colours follow the reader's light or dark page.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from .figures import Figure
from .results import Results
from .table import cell

PATH = Path(__file__).with_name("results.svg")
COLUMNS = {"grpc": "gRPC", "http": "HTTP"}
PANEL_WIDTH = 460
LABEL_WIDTH = 80
BAR_WIDTH = 190  # of the longest
BAR_HEIGHT = 14
ROW_HEIGHT = 20
TITLE_HEIGHT = 40
GAP = 18
TOP = 66
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .bar { fill: #9aa4af; }
  .ours { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .bar { fill: #6e7781; }
    .ours { fill: #3fb950; }
  }
"""


def draw(results: Results) -> str:
    """Return the SVG."""
    rows = _rows(results.figures)
    parts: list[str] = []
    top = TOP
    for row in rows:
        for figure in row:
            left = GAP + list(COLUMNS).index(figure.transport) * PANEL_WIDTH
            parts += _panel(figure, left, top)
        top += TITLE_HEIGHT + ROW_HEIGHT * max(len(figure.values) for figure in row) + GAP
    width = GAP + PANEL_WIDTH * len(COLUMNS)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}" role="img">',
        "<title>What telemetry costs: the generated service beside its alternatives</title>",
        f"<style>{STYLE}</style>",
        _text(GAP, 20, "title", "What telemetry costs: shorter bars are better, except for spans per second"),
        _text(GAP, 40, "note", results.origin),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _rows(figures: list[Figure]) -> list[list[Figure]]:
    """Return the figures that stand beside each other: the same of both transports."""
    rows: dict[str, list[Figure]] = {}
    for figure in figures:
        rows.setdefault(figure.what, []).append(figure)
    return list(rows.values())


def _panel(figure: Figure, left: float, top: float) -> Iterator[str]:
    yield f'<g class="panel" data-what="{escape(figure.what)}" data-transport="{figure.transport}">'
    yield _text(left, top + 12, "title", f"{COLUMNS[figure.transport]}: {figure.what}")
    yield _text(left, top + 28, "note", f"in brackets: {figure.compared}")
    longest = max(figure.values.values())
    for number, name in enumerate(figure.values):
        y = top + TITLE_HEIGHT + number * ROW_HEIGHT
        width = BAR_WIDTH * figure.values[name] / longest
        kind = "bar ours" if name == "ours" else "bar"
        yield _text(left, y + 11, "name", name)
        yield f'<rect class="{kind}" x="{left + LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2"/>'
        yield _text(left + LABEL_WIDTH + width + 6, y + 11, "value", cell(figure, name))
    yield "</g>"


def _text(x: float, y: float, kind: str, words: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
