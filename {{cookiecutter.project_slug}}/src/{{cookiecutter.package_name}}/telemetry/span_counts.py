"""Counters for the SDK's own metrics of spans, such as otel.sdk.span.started.

The SDK counts at the start and at the end of each span. Its counters cost as much as encoding the
span. These only add to a sum, and the metric reader asks for the sums when it exports. So metrics
must be set up before the first span.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Observation, UpDownCounter

Attributes = Mapping[str, Any] | None


class _Sum(Counter, UpDownCounter):
    """One sum for each set of attributes."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Any, ...], float] = {}
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def add(
        self,
        amount: float,
        attributes: Attributes = None,
        *_: Any,
        **__: Any,
    ) -> None:
        key = tuple(attributes.items()) if attributes else ()
        with self._lock:
            before = self._sums.get(key, 0)
            self._sums[key] = before + amount

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return the sums, for a metric reader."""
        with self._lock:
            sums = self._sums.copy()
        return [Observation(value, dict(key)) for key, value in sums.items()]

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


class SpanCounts:
    """A provider of meters, and its only meter: a TracerProvider asks one for its counters."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}  # each tracer asks for the same ones

    def get_meter(self, name: str, *_: Any, **__: Any) -> "SpanCounts":
        self._meter = metrics.get_meter(name)
        return self

    def create_counter(
        self,
        name: str,
        unit: str = "",
        description: str = "",
    ) -> Counter:
        create = self._meter.create_observable_counter
        return self._sum(create, name, unit, description)

    def create_up_down_counter(
        self,
        name: str,
        unit: str = "",
        description: str = "",
    ) -> UpDownCounter:
        create = self._meter.create_observable_up_down_counter
        return self._sum(create, name, unit, description)

    def _sum(
        self,
        create: Callable[..., Any],
        name: str,
        unit: str,
        description: str,
    ) -> _Sum:
        if name not in self._sums:
            counted = _Sum()
            create(name, [counted.observe], unit, description)
            self._sums[name] = counted
        return self._sums[name]
