"""One line that a person can read: who this service says it is, what it sends where, and how it is sampled."""

import os
from collections.abc import Mapping
from typing import Any

from opentelemetry.semconv.attributes import deployment_attributes, service_attributes

from . import masking, providers
from .settings import protocol

SIGNALS = ("traces", "metrics", "logs")


def variable(signal: str, name: str) -> str:
    """Return the variable that decides for a signal: its own, or the one for all."""
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}"
    return own if own in os.environ else f"OTEL_EXPORTER_OTLP_{name}"


def line(resource: Mapping[str, Any]) -> str:
    """Return the line, without secrets."""
    ways: dict[str, list[str]] = {}
    for signal in SIGNALS:
        exporters = os.environ[f"OTEL_{signal.upper()}_EXPORTER"].lower()
        endpoint = f"to {os.environ[variable(signal, 'ENDPOINT')]} ({protocol.PROTOCOL})"
        to = [*(["to the console"] if "console" in exporters else []), *([endpoint] if "otlp" in exporters else [])]
        if signal in providers.installed():
            to = ["by the provider of somebody else"]
        ways.setdefault(" and ".join(to) or "nowhere", []).append(signal)
    sent = "; ".join(
        f"{', '.join(signals[:-1])}{' and ' * (len(signals) > 1)}{signals[-1]} {to}" for to, signals in ways.items()
    )
    name, version, team, environment = (
        resource.get(key, "")
        for key in (
            service_attributes.SERVICE_NAME,
            service_attributes.SERVICE_VERSION,
            service_attributes.SERVICE_NAMESPACE,
            deployment_attributes.DEPLOYMENT_ENVIRONMENT_NAME,
        )
    )
    return masking.mask(f"{name} {version} of {team}, in {environment}, sends {sent}; {_sampling()}")


def _sampling() -> str:
    sampler, ratio = os.environ["OTEL_TRACES_SAMPLER"].lower(), float(os.environ["OTEL_TRACES_SAMPLER_ARG"])
    shares = {"always_on": "every trace is kept", "always_off": "no trace is kept"}
    share = shares.get(sampler.removeprefix("parentbased_"), f"{ratio * 100:.6g} % of traces are kept")
    return share + (", where no caller has decided" if sampler.startswith("parentbased") else "")
