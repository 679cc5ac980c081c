"""Starts what the selected tests will ask for before they ask, some at a time: a run of a service mostly waits."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """Calls `run` in the threads of a pool, once for each key: `runs = Ahead(run, pool); runs(*key)`."""

    def __init__(self, run: Callable[..., Result], pool: ThreadPoolExecutor) -> None:
        """Start nothing yet."""
        self._run = run
        self._pool = pool
        self._futures: dict[tuple[Any, ...], Future[Result]] = {}
        self._lock = Lock()

    def begin(self, *key: Any) -> Future[Result]:
        """Queue `run(*key)`, unless it was queued before."""
        with self._lock:
            if key not in self._futures:
                self._futures[key] = self._pool.submit(self._run, *key)
            return self._futures[key]

    def __call__(self, *key: Any) -> Result:
        """Return the result of `run(*key)`; wait for it, 20 minutes at most, if it is not there yet."""
        return self.begin(*key).result(timeout=1200)


def selected(request: pytest.FixtureRequest, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of these parameters for each selected test that has them all and is in the fixture's module.

    Under pytest-xdist nothing is yielded: every process there selects all tests and runs a part of them.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    for item in request.session.items:
        parameters = getattr(item, "callspec", None)
        if parameters and item.path == request.path and set(names) <= parameters.params.keys():
            yield tuple(parameters.params[name] for name in names)


@contextmanager
def started(run: Callable[..., Result], at_once: int) -> Iterator[Ahead[Result]]:
    """Run at most `at_once` at a time; leaving the block drops what has not begun and waits for the rest."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield Ahead(run, pool)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def ahead(
    request: pytest.FixtureRequest, names: tuple[str, ...], run: Callable[..., Result], at_once: int = 3
) -> Iterator[Ahead[Result]]:
    """Start `run` with the values of these parameters for each selected test of the fixture's module."""
    with started(run, at_once) as runs:
        for key in selected(request, *names):
            runs.begin(*key)
        yield runs
