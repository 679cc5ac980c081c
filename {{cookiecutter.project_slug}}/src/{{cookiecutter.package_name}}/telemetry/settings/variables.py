"""The names that OTEL_* variables have, so that a misspelt one can be told from one that only others read."""

import re
from itertools import product

from opentelemetry import environment_variables as api
from opentelemetry.instrumentation import environment_variables as contrib
from opentelemetry.sdk import environment_variables as sdk

DECLARED = {v for m in (api, sdk, contrib) for v in vars(m).values() if isinstance(v, str) and v.startswith("OTEL_")}
SIGNALS = ("", "TRACES_", "METRICS_", "LOGS_")
NAMES = ["ENDPOINT", "HEADERS", "TIMEOUT", "PROTOCOL", "COMPRESSION", "INSECURE"]
NAMES += ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"]
# What the specification has for every signal, whatever of it an SDK declares.
OTLP = {f"OTEL_EXPORTER_OTLP_{signal}{name}" for signal, name in product(SIGNALS, NAMES)}
OTHERS = {"OTEL_PYTHON_LOGGER_PROVIDER", "OTEL_EXPERIMENTAL_CONFIG_FILE", "OTEL_ENTITIES"}
KNOWN = frozenset(DECLARED | OTLP | OTHERS)
# Without underscores OTEL_SERVICENAME is OTEL_SERVICE_NAME.
SQUEEZED = {name.replace("_", ""): name for name in sorted(KNOWN)}
# Composed with the name of a library, of other exporters, or of other languages: platforms set them for all services.
FAMILIES = (
    r"OTEL_(INSTRUMENTATION|PYTHON_(\w+_(EXCLUDED_URLS|TRACED_REQUEST_ATTRS|CREDENTIAL_PROVIDER)|LOG(GING)?_\w+|FASTAPI_\w+"
    r"|\w+_CAPTURE\w*)|EXPORTER_(OTLP_(SPAN|METRIC)_INSECURE|JAEGER|ZIPKIN|PROMETHEUS)|JAVA|JAVAAGENT|DOTNET|NODE|GO|PHP|RUBY"
    r"|RUST|ERLANG|COLLECTOR|INJECTOR|OPERATOR)\w*"
)


def is_known(name: str) -> bool:
    """Tell whether OpenTelemetry has a variable of this name, in Python or elsewhere."""
    return name in KNOWN or bool(re.fullmatch(FAMILIES, name))


def meant(name: str) -> str:
    """Return the variable that a misspelt name was meant to be, or nothing where the name is right or unlike any."""
    if is_known(name):
        return ""
    from difflib import get_close_matches  # here: most services never come this way

    near = get_close_matches(re.sub("[^A-Z0-9]", "", name.upper()), SQUEEZED, 1, 0.86)
    return SQUEEZED[near[0]] if near else ""
