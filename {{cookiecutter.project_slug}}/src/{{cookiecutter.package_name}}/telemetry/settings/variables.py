"""The names of OTEL_* variables, and which of them decides.

The lists tell a misspelt name from one that other programs read.
"""

import os
import re

# These three hold constants only: to import them reads no variable.
from opentelemetry import environment_variables as api
from opentelemetry.instrumentation import environment_variables as contrib
from opentelemetry.sdk import environment_variables as sdk

from . import protocol

SIGNALS = ("traces", "metrics", "logs")
# How the variables for all signals begin, and those for each.
GROUPS = (
    "OTEL_EXPORTER_OTLP_",
    "OTEL_EXPORTER_OTLP_TRACES_",
    "OTEL_EXPORTER_OTLP_METRICS_",
    "OTEL_EXPORTER_OTLP_LOGS_",
)
# The specification has these for all signals and for each; the SDK does not declare all.
OTLP = (
    "ENDPOINT",
    "HEADERS",
    "TIMEOUT",
    "PROTOCOL",
    "COMPRESSION",
    "INSECURE",
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
)
OTHERS = ("OTEL_PYTHON_LOGGER_PROVIDER", "OTEL_EXPERIMENTAL_CONFIG_FILE", "OTEL_ENTITIES")
# Names that end in the name of a library, or that are for other exporters or languages.
# Platforms set them for all services.
FAMILIES = (
    r"INSTRUMENTATION\w*",
    r"PYTHON_\w+_(EXCLUDED_URLS|TRACED_REQUEST_ATTRS|CREDENTIAL_PROVIDER)\w*",
    r"PYTHON_LOG(GING)?_\w+",
    r"PYTHON_FASTAPI_\w+",
    r"PYTHON_\w+_CAPTURE\w*",
    r"EXPORTER_OTLP_(SPAN|METRIC)_INSECURE\w*",
    r"EXPORTER_(JAEGER|ZIPKIN|PROMETHEUS)\w*",
    r"(JAVA|JAVAAGENT|DOTNET|NODE|GO|PHP|RUBY|RUST|ERLANG)\w*",
    r"(COLLECTOR|INJECTOR|OPERATOR)\w*",
)
_FAMILY = re.compile(f"OTEL_({'|'.join(FAMILIES)})")


def _known() -> frozenset[str]:
    known = set(OTHERS)
    for module in (api, sdk, contrib):
        for value in vars(module).values():
            if isinstance(value, str) and value.startswith("OTEL_"):
                known.add(value)
    for group in GROUPS:
        known.update(f"{group}{name}" for name in OTLP)
    return frozenset(known)


KNOWN = _known()
# Without underscores, so that OTEL_SERVICENAME is like OTEL_SERVICE_NAME.
SQUEEZED = {name.replace("_", ""): name for name in sorted(KNOWN)}


def is_known(name: str) -> bool:
    """Return whether OpenTelemetry has a variable of this name, in Python or elsewhere."""
    return name in KNOWN or _FAMILY.fullmatch(name) is not None


def meant(name: str) -> str:
    """Return the variable that a misspelt name is like.

    Nothing, if the name is right or like none.
    """
    if is_known(name):
        return ""
    from difflib import get_close_matches  # here: most services have no such name

    squeezed = re.sub("[^A-Z0-9]", "", name.upper())
    near = get_close_matches(squeezed, SQUEEZED, n=1, cutoff=0.86)
    return SQUEEZED[near[0]] if near else ""


def variable(signal: str, name: str) -> str:
    """Return the variable that decides for a signal: its own if it is set, or that for all."""
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}"
    return own if own in os.environ else f"OTEL_EXPORTER_OTLP_{name}"


def endpoint(signal: str) -> str:
    """Return the address that a signal is sent to."""
    return os.environ.get(variable(signal, "ENDPOINT"), protocol.DEFAULT_ENDPOINT)


def exporters(signal: str) -> list[str]:
    """Return the exporters of a signal, "console" and "otlp", in the order of its variable."""
    listed = os.environ[f"OTEL_{signal.upper()}_EXPORTER"].lower()
    names = [name.strip() for name in listed.split(",")]
    return [name for name in names if name != "none"]


def sdk_disabled() -> bool:
    """Return whether OTEL_SDK_DISABLED switches all telemetry off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
