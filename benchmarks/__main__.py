"""`python -m benchmarks`: measures, prints one table, and exits 1 if a limit is missed."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from . import cpu, latency, publish, results, start, table, throughput, variants
from .figures import Figure

PARTS = {"cpu": cpu.measure, "start": start.measure, "latency": latency.measure, "throughput": throughput.measure}


def main() -> int:
    """Measure both transports; return 0 if all limits are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, metavar="NAME", help=f"one part: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time, and coarser")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write results.json, results.svg and the table of the README",
    )
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write needs all parts: leave --only out")
    signal.signal(signal.SIGTERM, _end)  # so that what runs is ended, and folders are removed

    parts = [options.only] if options.only else list(PARTS)
    figures: list[Figure] = []
    versions: results.Versions = {}
    for transport, names in variants.COMPARED.items():
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            _say(f"{transport}: render and install")
            compared = variants.build(Path(folder), transport, names)
            for name, variant in compared.items():
                versions[f"{transport} {name}"] = results.decisive(variant.versions())
            for part in parts:
                _say(f"{transport}: {part}")
                figures += PARTS[part](compared, transport, options.quick)
    measured = results.collect("quick" if options.quick else "whole", figures, versions)
    print(measured.origin)
    print(table.versions(versions))
    print(table.lines(figures))
    if options.write:
        results.write(measured)
        publish.main()
    missed = [figure for figure in figures if not figure.met]
    for figure in missed:
        value = figure.ratios["ours"]
        print(f"missed: {figure.transport}, {figure.what}: {value:.2f} {figure.compared}, not {figure.limit:g}")
    return 1 if missed else 0


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _end(*_: object) -> NoReturn:
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
