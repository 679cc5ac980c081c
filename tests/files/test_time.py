"""Rendering is quick, so that nobody thinks twice about doing it again."""

import os
import subprocess
import sys
from pathlib import Path

from ..conftest import ROOT

# In one process: how long importing Cookiecutter's command takes, and how long rendering takes after it.
PROGRAM = """
import sys, time
began = time.perf_counter()
import cookiecutter.cli
imported = time.perf_counter()
from cookiecutter.main import cookiecutter
cookiecutter(sys.argv[1], no_input=True, output_dir=sys.argv[2])
print(imported - began, time.perf_counter() - imported)
"""


def test_rendering_takes_little_longer_than_starting(tmp_path: Path) -> None:
    """Rendering the default service, hooks included, takes at most 1.6 times what importing Cookiecutter takes."""
    ratios = []
    for turn in range(5):
        command = [sys.executable, "-c", PROGRAM, str(ROOT), str(tmp_path / str(turn))]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=60)
        imported, rendered = map(float, done.stdout.split())
        ratios.append(rendered / imported)
    assert sorted(ratios)[len(ratios) // 2] <= 1.6, ratios
