"""Judges the OTEL_* variables before the SDK reads them.

It raises on a bad value, at import or later, or goes on in silence with another. One table checks them all; what is
missing or wrong is replaced in os.environ, so that all that reads it, child processes too, can take it.
"""

import os
import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from . import protocol

# What holds where the environment says nothing, and in place of what is wrong.
DEFAULTS = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "none",  # log lines already go to standard output, where most platforms collect them
    "OTEL_TRACES_SAMPLER": "parentbased_always_on",
    "OTEL_TRACES_SAMPLER_ARG": "1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": protocol.DEFAULT_ENDPOINT,
    "OTEL_EXPORTER_OTLP_TIMEOUT": "10",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "OTEL_BSP_MAX_QUEUE_SIZE": "16384",  # the SDK's 2,048 spans overflow while a collector restarts
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512",
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",  # drops and failed exports are counted
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",  # contrib's instrumentations still begin with the old names
}


def _installed(group: str, word: str) -> Callable[[str], object]:
    return lambda value: all(n.strip() == word or entry_points(group=group, name=n.strip()) for n in value.split(","))


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.IGNORECASE).fullmatch


def _number(low: float, high: float) -> Callable[[str], object]:
    return lambda value: re.fullmatch(r"(\d+\.?\d*|\.\d+)(e-?\d+)?", value) and low <= float(value) <= high


_PAIRS = "a comma list of name=value"
_HEADERS = r"(?a:([\w.-]+(?<!-bin)\s*=([ !#$&-+\--:<-\[\]-~]|%(?!7f)[2-7][0-9a-f])*(,\s*|$))+)"

_UNREAD = r"CONFIG_FILE|LOG_LEVEL|EXPORTER_(ZIPKIN|PROMETHEUS|JAEGER)_\w+|B(S|LR)P_EXPORT_TIMEOUT|PYTHON_FASTAPI_\w+|"
_UNREAD += r"PYTHON_((TRACER|METER|LOGGER)_PROVIDER|DISTRO|ID_GENERATOR|\w*CONFIGURATOR)"

# Which variables, what they accept, and that in words.
RULES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    # Once each: an exporter that stands twice would send everything twice.
    (r"\w+_EXPORTER", _like(r"none|console|otlp|console\s*,\s*otlp|otlp\s*,\s*console"), "console, otlp, both or none"),
    (r"EXPORTER_OTLP_\w*PROTOCOL", _like(protocol.PROTOCOL), f"{protocol.PROTOCOL}, all that is installed"),
    (r"EXPORTER_OTLP_\w*ENDPOINT", _like(protocol.ENDPOINT_PATTERN), protocol.ENDPOINT),
    (r"EXPORTER_OTLP_\w*TIMEOUT", _number(0.001, 600), "a number of seconds up to 600 (not milliseconds)"),
    (r"EXPORTER_OTLP_\w*COMPRESSION", _like(protocol.COMPRESSION), protocol.COMPRESSION.replace("|", " or ")),
    (r"EXPORTER_OTLP_\w*(CERTIFICATE|KEY)", lambda path: os.access(path, os.R_OK), "the path of a readable file"),
    (r"EXPORTER_OTLP_\w*HEADERS", _like(_HEADERS), _PAIRS),  # any other the SDK drops, or cannot send, and logs in full
    (r"RESOURCE_ATTRIBUTES", _like(r"([^\s=,]+\s*=[^,]*(,\s*|$))+"), _PAIRS),
    (r"EXPORTER_OTLP_\w+_PREFERENCE", _like("cumulative|delta|lowmemory"), "cumulative, delta or lowmemory"),
    (r"EXPORTER_OTLP_\w+_AGGREGATION", _like("(explicit|base2_exponential)_bucket_histogram"), "a known histogram"),
    (r"TRACES_SAMPLER", _like("(parentbased_)?(always_on|always_off|traceidratio)"), "a sampler built into the SDK"),
    (r"TRACES_SAMPLER_ARG", _number(0, 1), "a number from 0 to 1"),
    (r"PROPAGATORS", _installed("opentelemetry_propagator", "none"), "a list of installed propagators"),
    (r"\w+_DETECTORS", _installed("opentelemetry_resource_detector", "*"), "a list of installed resource detectors"),
    (r"SEMCONV_STABILITY_OPT_IN", _like(r"(.*,)?\s*http(/dup)?\s*(,.*)?"), "a list with http or http/dup in it"),
    (r"B(S|LR)P_(MAX|SCHEDULE)\w+", _like(r"0*[1-9]\d{0,8}"), "a whole number above 0"),
    (r"METRIC_EXPORT_\w+", _number(1, 1e9), "a number of milliseconds above 0"),
    (r"METRICS_EXEMPLAR_FILTER", _like("(?-i:always_(on|off)|trace_based)"), "always_on, always_off or trace_based"),
    (r"\w*(COUNT|LENGTH)_LIMIT", _like(r"\d{1,9}"), "a whole number, 0 or more"),
    (r"SDK_DISABLED|\w+_INSECURE|\w+_METRICS_ENABLED", _like("true|false"), "true or false"),
    (r"PYTHON_CONTEXT", _installed("opentelemetry_context", "contextvars_context"), "an installed context"),
    (_UNREAD, _like("(?!)"), "left out: nothing in this service reads it"),
)


def scrub(text: str) -> str:
    """Return a text with REDACTED for what its URLs hide: every value of a query, and user:password@."""
    return re.sub(r"//[^/?#\s]*@", "//REDACTED@", re.sub(r"([?&][^?=&#\s]*=)[^&#\s]+", r"\1REDACTED", text))


def judge(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the OTEL_* variables as the SDK shall see them, without empty ones, and what is wrong with them."""
    given = {name: value.strip() for name, value in sorted(environ.items()) if name[:5] == "OTEL_" and value.strip()}
    settled, problems = DEFAULTS | given, []

    def replace(variable: str, expected: str, instead: str) -> None:
        settled.pop(variable, None)
        if instead:
            settled[variable] = instead
        got = repr(scrub(re.sub(r"(?s)^(\w+://)?.*@", r"\1REDACTED@", given[variable])))
        using = f"using {instead or 'no value'}"
        if variable.endswith("_HEADERS"):
            got, using = "a value that is not shown", "using what is well-formed in it"
        problems.append(f"{variable} must be {expected}, got {got}; {using}")

    for variable, value in given.items():
        for names, accepts, expected in RULES:
            if re.fullmatch(f"OTEL_({names})", variable) and not accepts(value):
                good = ",".join(item for item in value.split(",") if expected is _PAIRS and accepts(item.strip()))
                replace(variable, expected, good or DEFAULTS.get(variable, ""))
                break

    for processor in ("OTEL_BSP", "OTEL_BLRP"):  # the SDK raises on a batch that is larger than its queue
        batch, queue = f"{processor}_MAX_EXPORT_BATCH_SIZE", f"{processor}_MAX_QUEUE_SIZE"
        if int(settled.get(batch, 512)) > int(settled.get(queue, 2048)):
            fitting = str(max(1, int(settled.get(queue, 2048)) // 4))  # as large as the queue, it would wait for it
            if settled.get(batch) == given.get(batch, ""):
                replace(batch, f"at most {queue}", fitting)
            settled[batch] = fitting

    # gRPC aborts the process over one without the other; over HTTP a certificate may hold its key.
    for owner in ("", "TRACES_", "METRICS_", "LOGS_") if protocol.PROTOCOL == "grpc" else ():
        pair = {f"OTEL_EXPORTER_OTLP_{owner}CLIENT_{half}" for half in ("KEY", "CERTIFICATE")}
        for alone in (pair & settled.keys()) if len(pair & settled.keys()) == 1 else ():
            replace(alone, f"set together with {(pair - {alone}).pop()}", "")

    compression = settled.pop("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    for signal in ("TRACES", "METRICS", "LOGS"):  # "none" is said by leaving out: the gRPC exporter raises on the word
        own = f"OTEL_EXPORTER_OTLP_{signal}_COMPRESSION"
        if settled.setdefault(own, compression).lower() == "none":
            del settled[own]
    return settled, problems


def settle() -> list[str]:
    """Make the environment one that the SDK can take; return what was wrong with it."""
    settled, problems = judge(os.environ)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ.update(settled)
    return problems
