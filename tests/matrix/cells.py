"""The cells of the matrix: what runs, and the ways in which it ends."""

from dataclasses import dataclass
from itertools import product

TERM, INT = "SIGTERM", "SIGINT"  # to the process that was started, as a supervisor sends them
CTRL_C = "Ctrl-C"  # SIGINT to every process at once, as a terminal sends it
# Gunicorn's SIGHUP, --max-requests and TTOU, and then SIGTERM.
RELOAD, RECYCLE, SCALE = "reload", "max-requests", "scale-down"
RECYCLE_CHILDREN = "max-tasks"  # Celery's --max-tasks-per-child, then SIGTERM
RETURN = "return"  # a program that comes to its end by itself

ALONE = (TERM, INT)
WATCHED = (*ALONE, CTRL_C)
MANAGED = (*WATCHED, RELOAD, RECYCLE, SCALE)


@dataclass(frozen=True)
class Cell:
    """A way to run a service: its command, how many processes do the work, and the spans of one unit of work."""

    name: str
    framework: str
    command: tuple[str, ...]
    workers: int
    endings: tuple[str, ...]
    spans: tuple[str, ...] = ("POST /transactions", "process_transaction")  # each is the parent of the next

    @property
    def is_web(self) -> bool:
        """Tell whether work comes as HTTP requests."""
        return self.spans[0].startswith("POST")

    @property
    def processes(self) -> int:
        """How many processes there are at least: those that work, and the one that watches over them."""
        return self.workers + (self.workers > 1 or "--reload" in self.command)

    @property
    def needs_redis(self) -> bool:
        """Tell whether work comes through a queue."""
        return self.framework in ("celery", "worker") and self.command[0] != "python"


def _uvicorn(name: str, *options: str, workers: int = 1) -> Cell:
    command = ("uvicorn", "payment_service.app:app", "--port", "{port}", *options)
    return Cell(name, "fastapi", command, workers, WATCHED if options else ALONE)


def _gunicorn(name: str, framework: str, *options: str) -> Cell:
    return Cell(name, framework, ("gunicorn", "payment_service.app:app", *options), 2, MANAGED)


def _celery(name: str, pool: str, workers: int, *endings: str) -> Cell:
    command = ("celery", "-A", "payment_service.tasks", "worker", "--pool", pool)
    return Cell(name, "celery", command, workers, endings, ("run process_transaction", "process_transaction"))


def _multiprocessing(method: str, kind: str) -> Cell:
    command = ("python", "{matrix}/children.py", "payment_service", method, kind, "{count}")
    name = f"multiprocessing-{method}-{kind}"
    return Cell(name, "worker", command, 2, (*WATCHED, RETURN), ("process_transaction",))


CELLS = (
    _uvicorn("uvicorn"),
    _uvicorn("uvicorn-workers", "--workers", "2", workers=2),
    _uvicorn("uvicorn-reload", "--reload", "--reload-dir", "src"),
    _gunicorn("gunicorn-asgi", "fastapi"),
    _gunicorn("gunicorn-asgi-preload", "fastapi", "--preload"),
    _gunicorn("gunicorn-uvicorn-worker", "fastapi", "-k", "uvicorn_worker.UvicornWorker"),
    _gunicorn("gunicorn-uvicorn-worker-preload", "fastapi", "-k", "uvicorn_worker.UvicornWorker", "--preload"),
    # One thread: with more of them Gunicorn makes gthread of sync.
    _gunicorn("gunicorn-sync", "flask", "-k", "sync", "--threads", "1"),
    _gunicorn("gunicorn-sync-preload", "flask", "-k", "sync", "--threads", "1", "--preload"),
    _gunicorn("gunicorn-gthread", "flask"),
    _gunicorn("gunicorn-gthread-preload", "flask", "--preload"),
    _celery("celery-prefork", "prefork", 2, *WATCHED, RECYCLE_CHILDREN),
    _celery("celery-solo", "solo", 1, *ALONE),
    Cell("asyncio-worker", "worker", ("payment-service",), 1, ALONE, ("process transactions", "process_transaction")),
    *(_multiprocessing(*each) for each in product(("fork", "spawn", "forkserver"), ("pool", "process", "executor"))),
)

# What an ending adds to the command.
OPTIONS = {RECYCLE: ("--max-requests", "25"), RECYCLE_CHILDREN: ("--max-tasks-per-child", "10")}
