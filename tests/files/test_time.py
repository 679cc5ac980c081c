"""Rendering is quick, so that nobody thinks twice about doing it again."""

import os
import subprocess
import sys
from pathlib import Path

from ..conftest import ROOT

# In one process, hooks included: the processor time of importing Cookiecutter's command, and of rendering after it.
PROGRAM = """
import os, sys
began = sum(os.times()[:4])
import cookiecutter.cli
imported = sum(os.times()[:4])
from cookiecutter.main import cookiecutter
cookiecutter(sys.argv[1], no_input=True, output_dir=sys.argv[2])
print(imported - began, sum(os.times()[:4]) - imported)
"""


def test_rendering_takes_little_longer_than_starting(tmp_path: Path) -> None:
    """Rendering the default service, hooks included, takes at most twice what importing Cookiecutter takes."""
    ratios = []
    for turn in range(7):
        command = [sys.executable, "-c", PROGRAM, str(ROOT), str(tmp_path / str(turn))]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=60)
        imported, rendered = map(float, done.stdout.split())
        ratios.append(rendered / imported)
    assert sorted(ratios)[len(ratios) // 2] <= 2, ratios
