"""Splits metrics that are too large for the receiver, down to a single data point."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from opentelemetry.sdk.metrics import export as sdk

from .items import POINTS
from .sending import Piece, Sender

PAUSE_SECONDS = 1.0

Point = tuple[sdk.ResourceMetrics, sdk.ScopeMetrics, sdk.Metric, Any]


def split_what_is_too_large(exporter: Any) -> None:
    """Make an exporter of metrics send in pieces what the receiver does not take whole.

    What it does not take within the timeout of an export is not kept: points are sums since the
    start of the process, and the next export brings them.
    """
    export = exporter.export
    sender = Sender(POINTS, lambda piece: export(nested(piece)))
    timeout = float(os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") or 10)

    def export_in_pieces(data: sdk.MetricsData, *_: Any, **__: Any) -> sdk.MetricExportResult:
        end = time.monotonic() + timeout
        pieces = [[*points(data)]]
        while answer := sender.send(pieces):
            pause = max(PAUSE_SECONDS, answer.wait_seconds)
            if time.monotonic() + pause > end:
                return sdk.MetricExportResult.FAILURE
            time.sleep(pause)
        return sdk.MetricExportResult.SUCCESS

    exporter.export = export_in_pieces


def points(data: sdk.MetricsData) -> Iterator[Point]:
    """Yield each data point together with what it belongs to."""
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    yield resource, scope, metric, point


def nested(piece: Piece) -> sdk.MetricsData:
    """Return data points as an exporter takes them, the reverse of points()."""
    resources = []
    for resource, of_resource in _groups(piece, 0):
        scopes = []
        for scope, of_scope in _groups(of_resource, 1):
            metrics = []
            for metric, of_metric in _groups(of_scope, 2):
                data: Any = replace(metric.data, data_points=[point for *_, point in of_metric])
                metrics.append(replace(metric, data=data))
            scopes.append(replace(scope, metrics=metrics))
        resources.append(replace(resource, scope_metrics=scopes))
    return sdk.MetricsData(resources)


def _groups(piece: Piece, depth: int) -> Iterator[tuple[Any, Piece]]:
    for _, group in groupby(piece, key=lambda point: id(point[depth])):
        members = [*group]
        yield members[0][depth], members
