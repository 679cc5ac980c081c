"""Sends metrics in parts where the receiver does not take them whole, down to one data point."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import export as sdk

from ..process import draining
from .answers import Answer, Verdict
from .encoding.points import repaired_metric, repaired_point, repaired_resource, repaired_scope
from .items import POINTS
from .outage import SOME_RECEIVER, Receiver
from .sending import Part, Sender, halves, remove_all

PAUSE_SECONDS = 1.0  # between two attempts, unless the receiver asks for a longer one
MAX_KEPT_POINTS = 20_000  # of delta temporality; each takes about a kilobyte


class Point(NamedTuple):
    """A data point together with what it belongs to."""

    resource: sdk.ResourceMetrics
    scope: sdk.ScopeMetrics
    metric: sdk.Metric
    value: Any  # a NumberDataPoint or one of the histograms'


def split_what_is_too_large(
    exporter: Any,
    receiver: Receiver = SOME_RECEIVER,
) -> None:
    """Make an exporter of metrics send in parts what the receiver does not take whole."""
    parts_exporter = _PartsExporter(exporter, receiver)
    exporter.export = parts_exporter.export
    exporter.shutdown = parts_exporter.shutdown


class _PartsExporter:
    """Sends metrics in parts, and again, until OTEL_EXPORTER_OTLP_TIMEOUT has passed.

    Then most points are not kept: they are sums since the start of the process, and the next
    export brings the new sums. Those of OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta
    are sums since the last export, so they are kept and sent with the next one.
    """

    def __init__(
        self,
        exporter: Any,
        receiver: Receiver,
    ):
        self._export = exporter.export
        self._shutdown = exporter.shutdown
        self._sender = Sender(POINTS, self._export_part, receiver)
        self._timeout = float(os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") or 10)  # seconds
        self._unsent: Part = []  # of the last export

    def export(
        self,
        data: sdk.MetricsData,
        *_: Any,
        **__: Any,
    ) -> sdk.MetricExportResult:
        kept = [point for point in self._unsent if _is_delta(point)]
        parts = [[*points(data)], self._without_oldest(kept)]
        self._send(parts)
        self._unsent = remove_all(parts)
        if self._unsent:
            return sdk.MetricExportResult.FAILURE
        return sdk.MetricExportResult.SUCCESS

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        if self._unsent and not self._sender.outage.has_no_receiver:
            answer = Answer(Verdict.ENDING, "the last export failed")
            self._sender.drop(self._unsent, answer)
        self._sender.log_dropped()
        self._shutdown(*args, **kwargs)

    def _send(self, parts: list[Part]) -> None:
        """Send the parts, and remove each that is done."""
        began = time.monotonic()
        sender = self._sender
        parts[:] = filter(None, parts)
        while answer := sender.send(parts, began):
            others_taken = sender.outage.taken_at > began
            _isolate(sender, parts, answer, others_taken)
            pause = max(PAUSE_SECONDS, answer.wait_seconds)
            if others_taken and not answer.wait_seconds:
                pause = 0.0  # find at once what the receiver does not take
            is_late = time.monotonic() + pause > began + self._timeout
            if is_late or sender.outage.has_no_receiver:
                return
            _wait(pause)

    def _without_oldest(self, kept: Part) -> Part:
        """Return the newest MAX_KEPT_POINTS of points, and drop the others."""
        old = kept[:-MAX_KEPT_POINTS]
        if old:
            limit = f"{MAX_KEPT_POINTS} data points of delta temporality wait at most"
            answer = Answer(Verdict.FULL, limit)
            self._sender.drop(old, answer)
        return kept[-MAX_KEPT_POINTS:]

    def _export_part(self, part: Part) -> Any:
        return self._export(nested(part))


def _is_delta(point: Point) -> bool:
    temporality = getattr(point.metric.data, "aggregation_temporality", None)  # a gauge has none
    return temporality is sdk.AggregationTemporality.DELTA


def _isolate(
    sender: Sender,
    parts: list[Part],
    answer: Answer,
    others_taken: bool,
) -> None:
    """Split the part that was not taken, and send it after all others.

    A single point is dropped if the receiver takes others.
    """
    part = parts.pop()
    if len(part) > 1:
        parts[:0] = halves(part)
    elif others_taken:
        sender.drop(part, answer)
    else:
        parts.insert(0, part)


def _wait(seconds: float) -> None:
    """Wait, for a second at most if the process ends."""
    if draining.begun.is_set():
        time.sleep(min(seconds, PAUSE_SECONDS))
    else:
        draining.begun.wait(seconds)


def points(data: sdk.MetricsData) -> Iterator[Point]:
    """Yield each data point of the SDK's nested metrics, without those that cannot be sent."""
    for resource_metrics in data.resource_metrics:
        # The owners without what they own: one point that is kept must not keep all others.
        resource = replace(repaired_resource(resource_metrics), scope_metrics=())
        for scope_metrics in resource_metrics.scope_metrics:
            scope = replace(repaired_scope(scope_metrics), metrics=())
            for metric in scope_metrics.metrics:
                kind: Any = metric.data
                owner = replace(
                    repaired_metric(metric),
                    data=replace(kind, data_points=()),
                )
                for value in metric.data.data_points:
                    point = repaired_point(value, metric.name)
                    if point:
                        yield Point(resource, scope, owner, point)


def nested(part: Part) -> sdk.MetricsData:
    """Return points as an exporter takes them, the reverse of points()."""
    resources = []
    for group in _groups(part, "resource"):
        resource = group[0].resource
        scopes = _scopes(group)
        resources.append(replace(resource, scope_metrics=scopes))
    return sdk.MetricsData(resources)


def _scopes(part: Part) -> list[sdk.ScopeMetrics]:
    scopes = []
    for group in _groups(part, "scope"):
        scope = group[0].scope
        metrics = _metrics(group)
        scopes.append(replace(scope, metrics=metrics))
    return scopes


def _metrics(part: Part) -> list[sdk.Metric]:
    metrics = []
    for group in _groups(part, "metric"):
        metric = group[0].metric
        values = [point.value for point in group]
        data: Any = replace(metric.data, data_points=values)
        metrics.append(replace(metric, data=data))
    return metrics


def _groups(part: Part, owner: str) -> Iterator[Part]:
    """Yield the points of each resource, scope or metric; points of the same one are neighbours."""

    def identity(point: Point) -> int:
        return id(getattr(point, owner))

    for _, group in groupby(part, key=identity):
        yield [*group]
