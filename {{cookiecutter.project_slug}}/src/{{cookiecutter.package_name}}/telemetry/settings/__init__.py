"""Judges the OTEL_* variables before the SDK reads them.

It raises on a bad value, at import or later, or goes on in silence with another. One table checks them all; what is
missing or wrong is replaced in os.environ, so that all that reads it, child processes too, can take it.
"""

import os
import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from .. import masking
from . import protocol, variables

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
    # In characters. What clients write, a path or a user agent, must not fill the memory; stack traces stay whole.
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4096",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "131072",
    **protocol.DEFAULTS,
}


def _installed(group: str, word: str) -> Callable[[str], object]:
    return lambda value: all(n.strip() == word or entry_points(group=group, name=n.strip()) for n in value.split(","))


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.IGNORECASE).fullmatch


def _number(low: float, high: float) -> Callable[[str], object]:
    return lambda value: re.fullmatch(r"(\d+\.?\d*|\.\d+)(e-?\d+)?", value) and low <= float(value) <= high


def _endpoint(value: str) -> object:
    ports = re.findall(r"(?<=[\w\]]):(\d+)(?=/|$)", value)
    return re.fullmatch(protocol.ENDPOINT_PATTERN, value, re.IGNORECASE) and all(int(port) < 65536 for port in ports)


def _pem(path: str) -> object:
    return Path(path).is_file() and os.access(path, os.R_OK) and b"-----BEGIN " in Path(path).read_bytes()


_PAIRS = "a comma list of name=value"
_HEADERS = r"(?a:([\w.-]+(?<!-bin)\s*=([ !#$&-+\--:<-\[\]-~]|%(?!7f)[2-7][0-9a-f])*(,\s*|$))+)"

_CODES = (
    "OK|CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|UNAUTHENTICATED|"
    "RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS"
)

_UNREAD = (
    r"CONFIG_FILE|LOG_LEVEL|EXPORTER_(ZIPKIN|PROMETHEUS|JAEGER)_\w+|B(S|LR)P_EXPORT_TIMEOUT|PYTHON_FASTAPI_\w+|"
    r"PYTHON_((TRACER|METER|LOGGER)_PROVIDER|DISTRO|ID_GENERATOR|\w*CONFIGURATOR)"
)

# A key for docs/troubleshooting.md, which variables, what they accept, and that in words.
RULES: tuple[tuple[str, str, Callable[[str], object], str], ...] = (
    # Once each: an exporter that stands twice would send everything twice.
    (
        "exporters",
        r"(TRACES|METRICS|LOGS)_EXPORTER",
        _like(r"none|console|otlp|console\s*,\s*otlp|otlp\s*,\s*console"),
        "console, otlp, both or none",
    ),
    ("protocol", r"EXPORTER_OTLP_\w*PROTOCOL", _like(protocol.PROTOCOL), f"{protocol.PROTOCOL}, all that is installed"),
    ("endpoint", r"EXPORTER_OTLP_\w*ENDPOINT", _endpoint, protocol.ENDPOINT),
    ("timeout", r"EXPORTER_OTLP_\w*TIMEOUT", _number(0.001, 600), "a number of seconds up to 600 (not milliseconds)"),
    (
        "compression",
        r"EXPORTER_OTLP_\w*COMPRESSION",
        _like(protocol.COMPRESSION),
        protocol.COMPRESSION.replace("|", " or "),
    ),
    ("file", r"EXPORTER_OTLP_\w*(CERTIFICATE|KEY)", _pem, "the path of a readable PEM file"),
    (
        "headers",
        r"EXPORTER_OTLP_\w*HEADERS",
        _like(_HEADERS),
        _PAIRS,
    ),  # any other the SDK drops, or cannot send, and logs in full
    ("resource-attributes", r"RESOURCE_ATTRIBUTES", _like(r"([^\s=,]+\s*=[^,]*(,\s*|$))+"), _PAIRS),
    (
        "temporality",
        r"EXPORTER_OTLP_\w+_PREFERENCE",
        _like("cumulative|delta|lowmemory"),
        "cumulative, delta or lowmemory",
    ),
    (
        "aggregation",
        r"EXPORTER_OTLP_\w+_AGGREGATION",
        _like("(explicit|base2_exponential)_bucket_histogram"),
        "a known histogram",
    ),
    (
        "sampler",
        r"TRACES_SAMPLER",
        _like("(parentbased_)?(always_on|always_off|traceidratio)"),
        "a sampler built into the SDK",
    ),
    ("sampler-argument", r"TRACES_SAMPLER_ARG", _number(0, 1), "a number from 0 to 1"),
    ("propagators", r"PROPAGATORS", _installed("opentelemetry_propagator", "none"), "a list of installed propagators"),
    (
        "detectors",
        r"\w+_DETECTORS",
        _installed("opentelemetry_resource_detector", "*"),
        "a list of installed resource detectors",
    ),
    (
        "semantic-conventions",
        r"SEMCONV_STABILITY_OPT_IN",
        _like(r"(.*,)?\s*http(/dup)?\s*(,.*)?"),
        "a list with http or http/dup in it",
    ),
    ("batch", r"B(S|LR)P_(MAX|SCHEDULE)\w+", _like(r"0*[1-9]\d{0,8}"), "a whole number above 0"),
    ("interval", r"METRIC_EXPORT_\w+", _number(1, 1e9), "a number of milliseconds above 0"),
    (
        "exemplars",
        r"METRICS_EXEMPLAR_FILTER",
        _like("(?-i:always_(on|off)|trace_based)"),
        "always_on, always_off or trace_based",
    ),
    ("limit", r"\w*(COUNT|LENGTH)_LIMIT", _like(r"\d{1,9}"), "a whole number, 0 or more"),
    (
        "retryable-codes",
        r"PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
        _like(f"({_CODES})(,({_CODES}))*"),
        "a comma list of gRPC status codes",
    ),
    ("switch", r"SDK_DISABLED|\w+_INSECURE|\w+_METRICS_ENABLED", _like("true|false"), "true or false"),
    ("context", r"PYTHON_CONTEXT", _installed("opentelemetry_context", "contextvars_context"), "an installed context"),
    ("unread", _UNREAD, _like("(?!)"), "left out: nothing in this service reads it"),
)


# What no single value shows: the same, with a place for what is known only then.
BESIDE = {
    "misspelt": "spelt {}, nothing reads this name",
    "batch-and-queue": "at most {}",
    "pair": "set together with {}",
    "no-authority": "set together with {}, gRPC ignores it otherwise",
    "unused-argument": "left out, or {} be a traceidratio: no other sampler reads it",
    "secret": "free of secrets, every span carries them",
    "underscore": "written with dots, as {}",
    "unknown-service": "the name of this service",
    "shared-instance": "free of service.instance.id, each process makes its own",
}
_DOTTED = {
    "service_name": "service.name",
    "service_namespace": "service.namespace",
    "service_version": "service.version",
}
_DOTTED |= {"deployment_environment": "deployment.environment.name", "service_instance_id": "service.instance.id"}


def _is_unknown(service: str) -> bool:
    """Tell whether it is the SDK's name for a service that has none."""
    return re.fullmatch("unknown_service(:.*)?", service) is not None


class Problem(str):
    """One sentence about a bad setting; `key` is where docs/troubleshooting.md has it."""

    key = ""


class _Judgement:
    """The variables as they were given, as the SDK shall see them, and what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        mine = {name: value.strip() for name, value in sorted(environ.items()) if name[:5].upper() == "OTEL_"}
        self.given = {name: value for name, value in mine.items() if value}
        self.settled = DEFAULTS | self.given
        self.problems: list[Problem] = []

    def replace(self, key: str, variable: str, expected: str, instead: str = "", got: str = "", rest: str = "") -> None:
        """Say what is wrong, and put something else in its place."""
        self.settled.pop(variable, None)
        if instead:
            self.settled[variable] = instead
        value = self.given[variable]
        if "HEADER" in variable or any(masking.SECRET.fullmatch(item.strip()) for item in value.split(",")):
            got, instead = "a value that is not shown", instead and "what is well-formed in it"
        elif not got:
            got = repr(masking.mask(re.sub(r"(?s)^(\w+://)?.*@", r"\1REDACTED@", value)))
        problem = Problem(f"{variable} must be {expected}, got {got}; using {rest or instead or 'no value'}")
        problem.key = key
        self.problems.append(problem)

    def names(self) -> None:
        """Take out what is misspelt; what is like no name of OpenTelemetry's may be somebody else's."""
        for name in self.given:
            if meant := variables.meant(name):
                self.replace("misspelt", name, BESIDE["misspelt"].format(meant), got="a value that is not shown")

    def values(self) -> None:
        """Judge each value by all rules for its variable; report the first that refuses it."""
        for variable, value in self.given.items():
            for key, names, accepts, expected in RULES if variable in self.settled else ():
                if re.fullmatch(f"OTEL_({names})", variable) and not accepts(value):
                    good = ",".join(item for item in value.split(",") if expected is _PAIRS and accepts(item.strip()))
                    self.replace(key, variable, expected, good or DEFAULTS.get(variable, ""))
                    break

    def batches(self) -> None:
        """Make batches fit their queues: the SDK raises on one that is larger."""
        for processor in ("OTEL_BSP", "OTEL_BLRP"):
            batch, queue = f"{processor}_MAX_EXPORT_BATCH_SIZE", f"{processor}_MAX_QUEUE_SIZE"
            if int(self.settled.get(batch, 512)) > int(self.settled.get(queue, 2048)):
                fitting = str(
                    max(1, int(self.settled.get(queue, 2048)) // 4)
                )  # as large as the queue, it would wait for it
                if self.settled.get(batch) == self.given.get(batch, ""):
                    self.replace("batch-and-queue", batch, BESIDE["batch-and-queue"].format(queue), fitting)
                self.settled[batch] = fitting

    def lengths(self) -> None:
        """Let a general limit hold for spans, too, where the environment gives them none of their own."""
        general, spans = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
        if spans not in self.given and self.settled[general] == self.given.get(general):
            self.settled[spans] = self.settled[general]

    def sampling(self) -> None:
        """Refuse a ratio that no sampler reads: everything would be sampled."""
        name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
        ignored = "traceidratio" not in self.settled[name].lower() and float(self.settled[argument]) != 1
        if ignored and self.settled[argument] == self.given.get(argument):
            self.replace("unused-argument", argument, BESIDE["unused-argument"].format(name), DEFAULTS[argument])

    def certificates(self) -> None:
        """Refuse what gRPC aborts the process over, or ignores; over HTTP a certificate may hold its key."""
        for owner in ("", "TRACES_", "METRICS_", "LOGS_") if protocol.PROTOCOL == "grpc" else ():
            pair = {f"OTEL_EXPORTER_OTLP_{owner}CLIENT_{half}" for half in ("KEY", "CERTIFICATE")}
            authority = f"OTEL_EXPORTER_OTLP_{owner}CERTIFICATE"
            if len(pair & self.settled.keys()) == 1:
                (alone,) = pair & self.settled.keys()
                self.replace("pair", alone, BESIDE["pair"].format((pair - {alone}).pop()))
            elif pair & self.settled.keys() and authority not in self.settled:
                for ignored in sorted(pair):
                    self.replace("no-authority", ignored, BESIDE["no-authority"].format(authority))

    def identity(self) -> None:
        """Take out of the resource what hides the service, mixes its processes up, or is nobody else's business."""
        name, attributes = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"
        if _is_unknown(self.settled.get(name, "")):
            self.replace("unknown-service", name, BESIDE["unknown-service"], rest="the code's")
        kept: list[str] = []
        wrong: dict[str, str] = {}
        for item in filter(str.strip, self.settled.get(attributes, "").split(",")):
            key, _, value = (part.strip() for part in item.partition("="))
            if masking.SECRET.fullmatch(item.strip()):
                wrong["secret"] = ""
                continue
            if key in _DOTTED:
                wrong["underscore"], item = _DOTTED[key], f"{_DOTTED[key]}={value}"
            if _DOTTED.get(key, key) == "service.instance.id":
                wrong["shared-instance"] = ""
            elif _DOTTED.get(key, key) == "service.name" and _is_unknown(value):
                wrong["unknown-service"] = ""
            else:
                kept.append(item)
        for key, dotted in wrong.items():
            self.replace(
                key, attributes, BESIDE[key].format(dotted), ",".join(kept), rest="" if kept else "the code's own"
            )

    def compression(self) -> None:
        """Say "none" by leaving out: the gRPC exporter raises on the word."""
        general = self.settled.pop("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        for signal in ("TRACES", "METRICS", "LOGS"):
            own = f"OTEL_EXPORTER_OTLP_{signal}_COMPRESSION"
            if self.settled.setdefault(own, general).lower() == "none":
                del self.settled[own]


def judge(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the OTEL_* variables as the SDK shall see them, without empty ones, and what is wrong with them."""
    it = _Judgement(environ)
    for step in (it.names, it.values, it.batches, it.lengths, it.sampling):
        step()
    for step in (it.certificates, it.identity, it.compression):
        step()
    return it.settled, it.problems


def settle() -> list[Problem]:
    """Make the environment one that the SDK can take; return what was wrong with it."""
    masking.learn(os.environ)
    settled, problems = judge(os.environ)
    for name in [name for name in os.environ if name[:5].upper() == "OTEL_"]:
        del os.environ[name]
    os.environ.update(settled)
    return problems
