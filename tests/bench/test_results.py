"""The published results: the file, the plot and the table of the README say the same."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plot, publish, results
from benchmarks.figures import Figure

SVG = "{http://www.w3.org/2000/svg}"
DIGITS = {"MB": 1, "ms": 1, "µs": 0, "spans/s": 0}
FIGURES = [
    Figure("cpu", "grpc", "CPU a request", "µs", {"plain": 400.0, "ours": 1600.4}, "added", {"ours": 0.375}),
    Figure("cpu", "http", "CPU a request", "µs", {"plain": 300.0, "ours": 600.0}, "added", {"ours": 0.5}),
    Figure("start", "http", "memory <RSS>", "MB", {"plain": 50.04, "ours": 65.26}, "MB more", {"ours": 15.22}),
]
MADE = results.Results(
    "2026-01-02", "quick", "a machine & its cores", "3.11.7", {"grpc ours": {"grpcio": "1.80"}}, FIGURES
)


@pytest.fixture(params=["made", "published"])
def measured(request: pytest.FixtureRequest) -> results.Results:
    """Return results that are made up, and those that are in the repository."""
    return MADE if request.param == "made" else results.read()


def test_the_bars_of_the_plot_are_the_measured_numbers(measured: results.Results) -> None:
    """Each number, ratio, label and length in the SVG is that of the JSON, and none is missing."""
    panels = ElementTree.fromstring(plot.draw(measured)).findall(f"{SVG}g")
    for figure, panel in zip(_in_rows(measured.figures), panels, strict=True):
        assert (panel.get("data-what"), panel.get("data-transport")) == (figure.what, figure.transport)
        assert _texts(panel, "name") == list(figure.values)
        assert _texts(panel, "note") == [f"in brackets: {figure.compared}"]
        longest = max(figure.values.values())
        bars = [float(bar.get("width", 0)) for bar in panel.findall(f"{SVG}rect")]
        assert bars == pytest.approx([plot.BAR_WIDTH * value / longest for value in figure.values.values()], abs=0.06)
        for (name, value), words in zip(figure.values.items(), _texts(panel, "value"), strict=True):
            number, unit, *ratio = words.replace(",", "").split()
            assert unit == figure.unit
            assert float(number) == pytest.approx(value, abs=0.51 * 10 ** -DIGITS[unit])
            assert [float(each.strip("()")) for each in ratio] == pytest.approx(
                [figure.ratios[name]] if name in figure.ratios else [], abs=0.0051
            )


def test_the_plot_and_the_readme_are_those_of_the_results() -> None:
    """Nobody has edited a figure, or forgotten to publish it."""
    measured = results.read()
    assert plot.PATH.read_text() == plot.draw(measured)
    assert publish.README.read_text() == publish.page(publish.README.read_text(), measured)


def test_another_result_changes_the_readme() -> None:
    """A new figure replaces the old one, and what stands around the table stays."""
    text = f"before\n{publish.BEGIN}old\n{publish.END}after\n"
    page = publish.page(text, MADE)
    assert "1,600 µs (0.38)" in page
    assert "old" not in page
    assert "2026-01-02, quick run, Python 3.11.7" in page
    assert "- grpcio 1.80" in page
    assert (page.startswith("before\n"), page.endswith("after\n")) == (True, True)
    assert publish.page(page, MADE) == page
    assert publish.page(page, replace(MADE, date="2026-01-03")) != page


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """The JSON file keeps the date, the machine, the versions and every figure."""
    results.write(MADE, tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == MADE


def test_the_plot_has_light_and_dark_colours() -> None:
    """The file's own style follows the page: it can be shown by an <img> on both."""
    style = ElementTree.fromstring(plot.draw(MADE)).findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    assert _colours(light).keys() == _colours(dark).keys()
    assert all(_colours(dark)[rule] != colour for rule, colour in _colours(light).items())


def _in_rows(figures: list[Figure]) -> list[Figure]:
    """Return the figures in the plot's order: those of the same name beside each other."""
    names = list(dict.fromkeys(figure.what for figure in figures))
    return sorted(figures, key=lambda figure: names.index(figure.what))


def _texts(panel: ElementTree.Element, kind: str) -> list[str]:
    return [text.text or "" for text in panel.findall(f"{SVG}text") if text.get("class") == kind]


def _colours(style: str) -> dict[str, str]:
    return dict(re.findall(r"([.\w]+) \{[^}]*fill: (#\w+);", style))
