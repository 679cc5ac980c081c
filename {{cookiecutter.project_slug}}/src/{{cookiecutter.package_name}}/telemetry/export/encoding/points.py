"""Repairs metrics. The exporters' own encoder takes them, and fails on what it cannot encode."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from .common import INT64_MAX, INT64_MIN
from .repair import as_text, report, utf8


def repaired_resource(metrics: ResourceMetrics) -> ResourceMetrics:
    """Return the metrics of a resource whose attributes can be encoded."""
    attributes = _repaired_attributes(metrics.resource.attributes)
    resource = Resource(attributes, metrics.resource.schema_url)
    return replace(metrics, resource=resource)


def repaired_scope(metrics: ScopeMetrics) -> ScopeMetrics:
    """Return the metrics of a scope whose name, version and attributes can be encoded."""
    scope = InstrumentationScope(
        _repaired_value(metrics.scope.name, "scope name"),
        _repaired_value(metrics.scope.version, "scope version"),
        metrics.scope.schema_url,
        _repaired_attributes(metrics.scope.attributes),
    )
    return replace(metrics, scope=scope)


def repaired_metric(metric: Metric) -> Metric:
    """Return a metric whose description is valid text; the SDK checks its other texts."""
    text = utf8(metric.description, metric.name)
    return replace(metric, description=text.decode())


def repaired_point(point: Any, name: str) -> Any:
    """Return a data point of the metric `name` as it can be encoded, or None if it cannot be."""
    value = getattr(point, "value", None)  # a histogram has none
    if isinstance(value, bool):
        point = replace(point, value=int(value))
    elif _is_outside_64_bits(value):
        report(name, "has a value outside 64 bits, which OTLP cannot carry: it is not sent")
        return None
    # A point without its attribute would look like another series.
    attributes = _repaired_attributes(point.attributes)
    exemplars = _repaired_exemplars(point.exemplars, name)
    return replace(point, attributes=attributes, exemplars=exemplars)


def _repaired_exemplars(exemplars: Sequence[Exemplar], name: str) -> list[Exemplar]:
    repaired = []
    for exemplar in exemplars:
        if _is_outside_64_bits(exemplar.value):
            report(name, "has an exemplar outside 64 bits, which OTLP cannot carry: it is not sent")
            continue
        attributes = _repaired_attributes(exemplar.filtered_attributes)
        repaired.append(replace(exemplar, filtered_attributes=attributes))
    return repaired


def _is_outside_64_bits(value: Any) -> bool:
    return isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX


def _repaired_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    repaired: dict[str, Any] = {}
    if not attributes:
        return repaired
    for key, value in attributes.items():
        text = utf8(key, key)
        name = text.decode()
        repaired[name] = _repaired_value(value, key)
    return repaired


def _repaired_value(value: Any, name: str) -> Any:
    if isinstance(value, str):
        text = utf8(value, name)
        return text.decode()
    if _is_outside_64_bits(value):
        text = as_text(value, name)
        return text.decode()
    if isinstance(value, Mapping):
        return _repaired_attributes(value)
    if isinstance(value, (list, tuple)):
        return tuple(_repaired_value(item, name) for item in value)
    return value
