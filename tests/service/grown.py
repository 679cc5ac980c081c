"""A generated service to which its team has added something, beside the one that all tests share."""

import shutil
from pathlib import Path


def copy(project: Path, folder: Path) -> Path:
    """Copy a service's package into the folder, and return the copy."""
    (source,) = (project / "src").iterdir()
    return Path(shutil.copytree(source, folder / source.name))


def grow(project: Path, folder: Path, imports: str = "", routes: str = "") -> str:
    """Copy a service's package into the folder, with imports and routes added to app.py; return it for PYTHONPATH."""
    app = copy(project, folder) / "app.py"
    first = "from fastapi import FastAPI, WebSocketDisconnect\n"
    text = app.read_text()
    assert first in text
    app.write_text(text.replace(first, first + imports, 1) + routes)
    return str(folder)
