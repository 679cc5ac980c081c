"""gunicorn.conf.py stands in two rooms, and says the same in both."""

import ast

from . import template

# What the kinds of worker need, each for itself.
OWN = {"worker_class", "threads", "post_worker_init"}


def statements(framework: str) -> dict[str, str]:
    """Return each statement of a room's file as code, docstring included, by the name that it defines."""
    path = template.PROJECT / "options" / "framework" / framework / "gunicorn.conf.py"
    named = {}
    for number, node in enumerate(template.tree(path).body):
        name = getattr(node, "name", "") or (
            ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else str(number)
        )
        named[name] = ast.unparse(node)
    return named


def test_the_two_files_agree() -> None:
    """But for the settings of the worker, and what these import, the two files are the same, statement by statement."""
    files = {name: statements(name) for name in ("fastapi", "flask")}
    assert {"bind", "graceful_timeout", "on_starting", "post_fork", "worker_exit"} <= files["flask"].keys()
    shared = [
        [text for name, text in file.items() if name not in OWN and text != "import signal"] for file in files.values()
    ]
    assert shared[0] == shared[1]
    assert {name for file in files.values() for name in OWN & file.keys()} == OWN
