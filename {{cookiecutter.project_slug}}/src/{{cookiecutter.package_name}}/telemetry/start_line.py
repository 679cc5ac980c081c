"""The line at the start: who this service is, where each signal goes, and how traces are sampled.

It has the form key=value, so that log readers can parse it.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from typing import Any

from opentelemetry.semconv.attributes import deployment_attributes, service_attributes

from . import masking, providers
from .settings import protocol, variables

log = logging.getLogger(__name__)
ATTRIBUTES = {
    "service": service_attributes.SERVICE_NAME,
    "version": service_attributes.SERVICE_VERSION,
    "team": service_attributes.SERVICE_NAMESPACE,
    "environment": deployment_attributes.DEPLOYMENT_ENVIRONMENT_NAME,
}
# What a log reader takes as one value without quotes.
PLAIN = re.compile(r"[^\s\"'=\\]+")


def write(resource: Mapping[str, Any]) -> None:
    """Log the line."""
    log.info("%s", line(resource))


def line(resource: Mapping[str, Any]) -> str:
    """Return the line, without secrets."""
    fields = {}
    for key, attribute in ATTRIBUTES.items():
        value = resource.get(attribute, "")
        fields[key] = masking.mask(str(value))
    for signal in variables.SIGNALS:
        fields[signal] = _destination(signal)
    fields["sampler"] = _sampler()
    words = ["telemetry:"]
    for key, value in fields.items():
        words.append(f"{key}={_quoted(value)}")
    return " ".join(words)


def _destination(signal: str) -> str:
    """Return where a signal goes: console, an endpoint, both, off, or another set-up's provider."""
    if variables.sdk_disabled():
        return "off"
    foreign = providers.installed().get(signal)
    if foreign:
        return f"other({foreign})"
    exporters = variables.exporters(signal)
    places = []
    if "console" in exporters:
        places.append("console")
    if "otlp" in exporters:
        endpoint = masking.mask(variables.endpoint(signal))
        places.append(f"{endpoint}({protocol.PROTOCOL})")
    return ",".join(places) or "off"


def _sampler() -> str:
    sampler = os.environ["OTEL_TRACES_SAMPLER"].lower()
    if not sampler.endswith("traceidratio"):
        return sampler
    ratio = float(os.environ["OTEL_TRACES_SAMPLER_ARG"])
    return f"{sampler}({ratio:g})"


def _quoted(value: str) -> str:
    """Return a value in quotes if a log reader would otherwise split it."""
    if PLAIN.fullmatch(value) and value.isprintable():
        return value
    return json.dumps(value, ensure_ascii=False)
