"""`make demo` shows what it promises, and fails when it cannot."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT
from ..harness import demo
from ..harness.service import clean_environment

pytestmark = pytest.mark.slow


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository with a HOME of its own, but with the caches that are there."""
    variables = {"HOME": str(home), "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv"))}
    environment = clean_environment(proxies=True) | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False)


def test_the_demo_prints_the_trees(tmp_path: Path) -> None:
    """A line a span: name, milliseconds, service, attributes; the child below its parent, and nothing left behind."""
    before = run("git", "status", "--porcelain", home=tmp_path).stdout
    done = run("make", "demo", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    tree = [line for line in done.stdout.splitlines() if " ms  payment-service  " in line]
    assert [line.split("  ")[0] or line.split()[0] for line in tree] == [demo.POST, demo.WORK] * 2 + [demo.POST]
    assert all(
        re.match(r"(POST /transactions|  process_transaction) +\d+\.\d\d ms  payment-service  \S", t) for t in tree
    )
    assert "payment.amount_cents=4999" in tree[1]
    assert run("git", "status", "--porcelain", home=tmp_path).stdout == before
    assert {path.name for path in tmp_path.iterdir()} <= {".cache", ".local", ".config"}


def test_a_missing_span_fails_the_demo(tmp_path: Path) -> None:
    """Where fewer spans arrive than the requests must make, it says which, and exits with 1."""
    program = f"""if True:
        import sys
        from tests.harness import demo
        demo.REQUESTS = (*demo.REQUESTS, ("one that makes no span", "/readyz", None, {{}}, ["{demo.POST}"]))
        sys.exit(demo.main())"""
    done = run(sys.executable, "-c", program, home=tmp_path)
    assert (done.returncode, "FAILED: expected the spans" in done.stdout) == (1, True), done.stdout + done.stderr
