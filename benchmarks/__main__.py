"""`python -m benchmarks`: measures, prints one table, and exits 1 if a limit is missed."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from . import measures, variants
from .measures import Figure

HEADER = ("", "", "ours", "plain", "zero_code", "figure", "value", "limit", "")


def main() -> int:
    """Measure both transports; return 0 if all limits are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute instead of four, and coarser")
    quick = parser.parse_args().quick
    signal.signal(signal.SIGTERM, _end)  # so that what runs is ended, and folders are removed

    figures: list[Figure] = []
    for transport in ("grpc", "http"):
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            _say(f"{transport}: render and install")
            compared = variants.build(Path(folder), transport)
            _say(f"{transport}: start-up and memory")
            figures += measures.start(compared, transport, 3 if quick else 30)
            _say(f"{transport}: CPU")
            figures += measures.cpu(compared, transport, 6 if quick else 55)
    print(table(figures))
    missed = [figure for figure in figures if not figure.met]
    for figure in missed:
        print(f"missed: {figure.transport}, {figure.what}: {figure.figure} is {figure.value:.2f}, not {figure.limit:g}")
    return 1 if missed else 0


def table(figures: list[Figure]) -> str:
    """Return the figures as lines with aligned columns."""
    rows = [HEADER, *map(_row, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    digits = 1 if figure.unit == "MB" else 0
    values = [f"{figure.values[name]:.{digits}f} {figure.unit}" for name in ("ours", "plain", "zero_code")]
    limit = "" if figure.limit is None else f"<= {figure.limit:g}"
    verdict = "" if figure.limit is None else "met" if figure.met else "MISSED"
    return figure.transport, figure.what, *values, figure.figure, f"{figure.value:.2f}", limit, verdict


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _end(*_: object) -> NoReturn:
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
