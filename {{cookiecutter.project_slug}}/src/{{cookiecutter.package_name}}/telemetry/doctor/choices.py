"""Checks the settings: invalid ones, and valid ones that stop telemetry."""

import os
import re
from collections.abc import Iterator

from .. import settings
from ..settings import protocol, variables
from ..settings.variables import SIGNALS, endpoint, exporters, sdk_disabled, variable
from .findings import Check, finding, note, problem

# A scheme, or one of gRPC's own resolvers.
SCHEME = re.compile(r"(?i)https?://|(dns|ipv4|ipv6|unix):")
PROPAGATORS = ("tracecontext", "baggage")


def checks() -> list[Check]:
    """Return what is wrong with the settings, and notes on them."""
    return [*_invalid(), *_silencing(), *_notes()]


def _invalid() -> Iterator[Check]:
    for invalid in settings.problems:
        yield problem(invalid.key, str(invalid))


def sends_otlp(signal: str) -> bool:
    """Return whether a signal is sent by OTLP."""
    return "otlp" in exporters(signal)


def _silencing() -> Iterator[Check]:
    """Yield the valid settings by which a healthy service sends nothing, or breaks traces."""
    if sdk_disabled():
        yield finding("settings", "disabled")
    if not sends_otlp("traces"):
        yield finding("settings", "no-exporter", value=os.environ["OTEL_TRACES_EXPORTER"])
    sampler = os.environ["OTEL_TRACES_SAMPLER"]
    ratio = os.environ["OTEL_TRACES_SAMPLER_ARG"]
    if _samples_nothing(sampler.lower(), float(ratio)):
        yield finding("settings", "samples-nothing", sampler=sampler, value=ratio)
    propagators = os.environ.get("OTEL_PROPAGATORS")
    if propagators is not None:
        yield from _missing_propagators(propagators)


def _missing_propagators(propagators: str) -> Iterator[Check]:
    listed = [name.strip() for name in propagators.split(",")]
    missing = [name for name in PROPAGATORS if name not in listed]
    if missing:
        names = " and ".join(missing)
        yield finding("settings", "propagators-without", value=propagators, missing=names)


def _samples_nothing(sampler: str, ratio: float) -> bool:
    if sampler.endswith("always_off"):
        return True
    # The SDK compares 64 bits of the trace id with ratio * 2**64, rounded down.
    return sampler.endswith("traceidratio") and ratio * 2**64 < 1


def _notes() -> Iterator[Check]:
    for signal in ("metrics", "logs"):
        value = os.environ[f"OTEL_{signal.upper()}_EXPORTER"].lower()
        is_usual = signal == "logs" and value == "none"
        if not sends_otlp(signal) and not is_usual:
            name = f"OTEL_{signal.upper()}_EXPORTER"
            yield note("settings", "signal-off", variable=name, signals=signal, value=value)
    if protocol.PROTOCOL == "grpc":
        yield from _bare_endpoints()
    for name in sorted(os.environ):
        if name.startswith("OTEL_") and not variables.is_known(name):
            yield note("settings", "unread-variable", value=name)


def _bare_endpoints() -> Iterator[Check]:
    bare = set()
    for signal in SIGNALS:
        if not SCHEME.match(endpoint(signal)):
            bare.add(variable(signal, "ENDPOINT"))
    for name in sorted(bare):
        yield note("settings", "bare-endpoint", endpoint=name)
