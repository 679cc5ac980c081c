"""Measures every cell of the matrix and writes docs/delivery.md; a few minutes."""

import sys
import tempfile
import time
from concurrent.futures import as_completed
from pathlib import Path

from ..harness.service import install, render
from .measure import measuring
from .outcome import FAULTY_RUNS, RUNS
from .table import PAGE, page


def main() -> int:
    """Measure and write; return 1, and write nothing, if anything is not as it should be."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder:

        def project(protocol: str, framework: str) -> Path:
            into = Path(folder, f"{protocol}-{framework}")
            return install(render(into, otlp_protocol=protocol, framework=framework), "--all-extras")

        good = True
        with measuring([*RUNS, *FAULTY_RUNS], project) as outcomes:
            runs = {outcomes.begin(run): run for run in [*RUNS, *FAULTY_RUNS]}
            for number, future in enumerate(as_completed(runs), 1):
                if failed := future.exception():
                    said = f"FAILED: {failed}"
                else:
                    outcome = future.result()
                    said = "; ".join([f"{outcome.seconds:.1f} s", *outcome.problems])
                good = good and not failed and not outcome.problems
                print(f"{number}/{len(runs)} {runs[future]}: {said}", flush=True)
        if not good:
            print(f"{PAGE} was not written")
            return 1
        PAGE.write_text(page({run: future.result() for future, run in runs.items()}))
    print(f"wrote {PAGE} after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
