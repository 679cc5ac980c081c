"""`python -m benchmarks.publish`: writes the plot and the table of the README from results.json."""

from pathlib import Path

from . import plot, results, table

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results: python -m benchmarks --write -->\n", "<!-- results -->\n"


def page(current: str, measured: results.Results) -> str:
    """Return the README with these results in place of those that it has."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table.markdown(measured)}\n\n{END}{after}"


def main() -> None:
    """Write both."""
    measured = results.read()
    plot.PATH.write_text(plot.draw(measured))
    README.write_text(page(README.read_text(), measured))


if __name__ == "__main__":
    main()
