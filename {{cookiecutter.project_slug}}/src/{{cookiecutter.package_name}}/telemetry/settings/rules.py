"""The rules for single OTEL_* variables, as data: what each accepts, in code and in words."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from . import protocol

# What holds where the environment says nothing, and in place of what is wrong.
DEFAULTS = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    # Log lines already go to standard output, where most platforms collect them.
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_TRACES_SAMPLER": "parentbased_always_on",
    "OTEL_TRACES_SAMPLER_ARG": "1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": protocol.DEFAULT_ENDPOINT,
    "OTEL_EXPORTER_OTLP_TIMEOUT": "10",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "OTEL_BSP_MAX_QUEUE_SIZE": "16384",  # the SDK's 2,048 spans overflow while a collector restarts
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512",
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",  # drops and failed exports are counted
    # The instrumentations of contrib still start with the old names.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    # In characters. What clients write, a path or a user agent, must not fill the memory.
    # Stack traces stay whole.
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4096",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "131072",
    **protocol.DEFAULTS,
}


@dataclass(frozen=True)
class Rule:
    """What the variables with a matching name accept."""

    key: str  # the row in docs/troubleshooting.md
    names: str  # a pattern for the names, without OTEL_
    accepts: Callable[[str], bool]
    expected: str  # what it accepts, in words
    keeps_good_items: bool = False  # of a list with bad items the good ones stay

    def is_for(self, variable: str) -> bool:
        """Tell whether the rule judges this variable."""
        return re.fullmatch(f"OTEL_({self.names})", variable) is not None

    def salvage(self, value: str) -> str:
        """Return the good items of a list that the rule refuses, or nothing."""
        if not self.keeps_good_items:
            return ""
        good = [item for item in value.split(",") if self.accepts(item.strip())]
        return ",".join(good)


def installed(group: str, word: str) -> Callable[[str], bool]:
    """Accept a comma list of a word and the names of installed entry points."""

    def accepts(value: str) -> bool:
        names = [name.strip() for name in value.split(",")]
        return all(name == word or entry_points(group=group, name=name) for name in names)

    return accepts


def like(pattern: str) -> Callable[[str], bool]:
    """Accept what the whole pattern matches, in either case."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def accepts(value: str) -> bool:
        return compiled.fullmatch(value) is not None

    return accepts


def number(low: float, high: float) -> Callable[[str], bool]:
    """Accept a decimal number from low to high."""
    decimal = re.compile(r"(\d+\.?\d*|\.\d+)(e-?\d+)?")

    def accepts(value: str) -> bool:
        return decimal.fullmatch(value) is not None and low <= float(value) <= high

    return accepts


def endpoint(value: str) -> bool:
    """Accept an address as this protocol's exporter takes it, with a port that exists."""
    if not like(protocol.ENDPOINT_PATTERN)(value):
        return False
    ports = re.findall(r"(?<=[\w\]]):(\d+)(?=/|$)", value)
    return all(int(port) < 65536 for port in ports)


def pem_file(path: str) -> bool:
    """Accept the path of a PEM file that this process may read."""
    file = Path(path)
    if not file.is_file() or not os.access(path, os.R_OK):
        return False
    return b"-----BEGIN " in file.read_bytes()


# gRPC takes a name in -bin for one with a binary value.
_HEADER_NAME = r"[\w.-]+(?<!-bin)"
# Printable ASCII without " % , ; and \, or any printable character in the form %41.
_HEADER_CHARACTER = r"([ !#$&-+\--:<-\[\]-~]|%(?!7f)[2-7][0-9a-f])"
_HEADER = rf"{_HEADER_NAME}\s*={_HEADER_CHARACTER}*(,\s*|$)"

_CODE = (
    "(OK|CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|"
    "PERMISSION_DENIED|UNAUTHENTICATED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|"
    "OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS)"
)

# What contrib reads, and what the specification has besides.
_CONVENTION = "((http|database|messaging|rpc|code)(/dup)?|gen_ai_latest_experimental)"

# Patterns for what nothing in this service reads.
UNREAD = (
    "CONFIG_FILE",
    "LOG_LEVEL",
    r"EXPORTER_(ZIPKIN|PROMETHEUS|JAEGER)_\w+",
    "B(S|LR)P_EXPORT_TIMEOUT",
    r"PYTHON_FASTAPI_\w+",
    r"PYTHON_((TRACER|METER|LOGGER)_PROVIDER|DISTRO|ID_GENERATOR|\w*CONFIGURATOR)",
)

RULES = (
    # Once each: an exporter that stands twice would send everything twice.
    Rule(
        "exporters",
        r"(TRACES|METRICS|LOGS)_EXPORTER",
        like(r"none|console|otlp|console\s*,\s*otlp|otlp\s*,\s*console"),
        "console, otlp, both or none",
    ),
    Rule(
        "protocol",
        r"EXPORTER_OTLP_\w*PROTOCOL",
        like(protocol.PROTOCOL),
        f"{protocol.PROTOCOL}, all that is installed",
    ),
    Rule(
        "endpoint",
        r"EXPORTER_OTLP_\w*ENDPOINT",
        endpoint,
        protocol.ENDPOINT,
    ),
    Rule(
        "timeout",
        r"EXPORTER_OTLP_\w*TIMEOUT",
        number(0.001, 600),
        "a number of seconds up to 600 (not milliseconds)",
    ),
    Rule(
        "compression",
        r"EXPORTER_OTLP_\w*COMPRESSION",
        like(protocol.COMPRESSION),
        protocol.COMPRESSION.replace("|", " or "),
    ),
    Rule(
        "file",
        r"EXPORTER_OTLP_\w*(CERTIFICATE|KEY)",
        pem_file,
        "the path of a readable PEM file",
    ),
    # The SDK drops any other, or cannot send it, and logs it in full.
    Rule(
        "headers",
        r"EXPORTER_OTLP_\w*HEADERS",
        like(f"(?a:({_HEADER})+)"),
        "a comma list of name=value",
        keeps_good_items=True,
    ),
    Rule(
        "resource-attributes",
        r"RESOURCE_ATTRIBUTES",
        like(r"([^\s=,]+\s*=[^,]*(,\s*|$))+"),
        "a comma list of name=value",
        keeps_good_items=True,
    ),
    Rule(
        "temporality",
        r"EXPORTER_OTLP_\w+_PREFERENCE",
        like("cumulative|delta|lowmemory"),
        "cumulative, delta or lowmemory",
    ),
    Rule(
        "aggregation",
        r"EXPORTER_OTLP_\w+_AGGREGATION",
        like("(explicit|base2_exponential)_bucket_histogram"),
        "a known histogram",
    ),
    Rule(
        "sampler",
        r"TRACES_SAMPLER",
        like("(parentbased_)?(always_on|always_off|traceidratio)"),
        "a sampler built into the SDK",
    ),
    Rule(
        "sampler-argument",
        r"TRACES_SAMPLER_ARG",
        number(0, 1),
        "a number from 0 to 1",
    ),
    Rule(
        "propagators",
        r"PROPAGATORS",
        installed("opentelemetry_propagator", "none"),
        "a list of installed propagators",
    ),
    Rule(
        "detectors",
        r"\w+_DETECTORS",
        installed("opentelemetry_resource_detector", "*"),
        "a list of installed resource detectors",
    ),
    Rule(
        "semantic-conventions",
        r"SEMCONV_STABILITY_OPT_IN",
        like(rf"{_CONVENTION}(\s*,\s*{_CONVENTION})*"),
        "a list of http, database, each also with /dup, or gen_ai_latest_experimental",
        keeps_good_items=True,
    ),
    # Either would keep the records from the provider, whatever OTEL_LOGS_EXPORTER says.
    Rule(
        "sdk-log-handler",
        r"PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED",
        like("false"),
        "false, because OTEL_LOGS_EXPORTER decides whether log records are sent",
    ),
    Rule(
        "log-handler",
        r"PYTHON_LOG_AUTO_INSTRUMENTATION",
        like("true"),
        "true, because OTEL_LOGS_EXPORTER decides whether log records are sent",
    ),
    Rule(
        "batch",
        r"B(S|LR)P_(MAX|SCHEDULE)\w+",
        like(r"0*[1-9]\d{0,8}"),
        "a whole number above 0",
    ),
    Rule(
        "interval",
        r"METRIC_EXPORT_\w+",
        number(1, 1e9),
        "a number of milliseconds above 0",
    ),
    Rule(
        "exemplars",
        r"METRICS_EXEMPLAR_FILTER",
        like("(?-i:always_(on|off)|trace_based)"),
        "always_on, always_off or trace_based",
    ),
    Rule(
        "limit",
        r"\w*(COUNT|LENGTH)_LIMIT",
        like(r"\d{1,9}"),
        "a whole number, 0 or more",
    ),
    Rule(
        "retryable-codes",
        r"PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
        like(f"{_CODE}(,{_CODE})*"),
        "a comma list of gRPC status codes",
    ),
    Rule(
        "switch",
        r"SDK_DISABLED|\w+_INSECURE|\w+_METRICS_ENABLED",
        like("true|false"),
        "true or false",
    ),
    Rule(
        "context",
        r"PYTHON_CONTEXT",
        installed("opentelemetry_context", "contextvars_context"),
        "an installed context",
    ),
    # Accepts nothing.
    Rule(
        "unread",
        "|".join(UNREAD),
        like("(?!)"),
        "no value, because nothing in this service reads it",
    ),
)
