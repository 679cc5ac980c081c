"""The validators that a repository is judged by: where they are, and how they are run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..harness.service import clean_environment

BUILT = Path.home() / ".cache/cookiecutter-otel-service/bin"  # where .ci/run puts what is in no Python package


def judge(folder: Path, check: str) -> subprocess.CompletedProcess[str]:
    """Run a validator in the folder; skip the test where it is not installed, except in CI."""
    name, *arguments = check.split()
    tool = shutil.which(name, path=f"{Path(sys.executable).parent}:{BUILT}:{os.environ['PATH']}")
    if tool is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is not installed; .ci/run installs it")
    assert tool is not None, f"{name} is not installed"
    return subprocess.run(
        [tool, *arguments], cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )
