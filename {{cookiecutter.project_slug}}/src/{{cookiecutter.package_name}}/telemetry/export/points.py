"""Splits metrics that are too large for the receiver, down to a single data point."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import export as sdk

from ..process import draining
from .answers import Answer
from .encoding.points import repaired_metric, repaired_point
from .items import POINTS
from .outage import SOME_RECEIVER, Receiver
from .sending import Part, Sender, halves

PAUSE_SECONDS = 1.0  # between two attempts, unless the receiver asks for a longer one


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
    """Make an exporter of metrics send in parts what the receiver does not take whole.

    What the receiver does not take within OTEL_EXPORTER_OTLP_TIMEOUT is not kept. Points are sums
    since the start of the process, so the next export brings them.
    """
    export = exporter.export
    timeout = float(os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") or 10)  # seconds

    def export_part(part: Part) -> Any:
        return export(nested(part))

    sender = Sender(POINTS, export_part, receiver)

    def export_in_parts(data: sdk.MetricsData, *_: Any, **__: Any) -> sdk.MetricExportResult:
        began = time.monotonic()
        parts = [[*points(data)]]
        while answer := sender.send(parts, began):
            others_taken = sender.outage.taken_at > began
            _isolate(sender, parts, answer, others_taken)
            pause = max(PAUSE_SECONDS, answer.wait_seconds)
            if others_taken and not answer.wait_seconds:
                pause = 0.0  # find at once what the receiver does not take
            is_late = time.monotonic() + pause > began + timeout
            if is_late or sender.outage.has_no_receiver:
                return sdk.MetricExportResult.FAILURE
            _wait(pause)
        return sdk.MetricExportResult.SUCCESS

    exporter.export = export_in_parts


def _isolate(sender: Sender, parts: list[Part], answer: Answer, others_taken: bool) -> None:
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
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                owner = repaired_metric(metric)
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
