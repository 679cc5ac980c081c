"""Each standard variable with what shows that it is read: TABLE, and why a variable is not in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import probe
from .observe import (
    SIGNALS,
    Observation,
    arrived,
    arrived_elsewhere,
    arrived_in_time,
    compression,
    destination,
    exemplars,
    header,
    kind_and_temporality,
    largest_request,
    method_names,
    metric,
    resource,
    resource_has_process,
    said,
    seen,
    sent_and_printed,
    size,
    span_names,
    spans_counted,
)
from .runs import Protocol, Run, Server


@dataclass(frozen=True)
class Row:
    """One claim: without `variables` the observation is `default`, with them it is `expected`; `beside` is in both."""

    variables: Mapping[str, str]
    observe: Observation
    default: object
    expected: object
    beside: Mapping[str, str] = field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ("http",)  # one is enough where no exporter reads the variable
    server: Server = "plain"
    seconds: float = 0.0

    def run(self, protocol: Protocol, *parts: Mapping[str, str]) -> Run:
        """Return the run with these variables."""
        merged = {name: value for part in parts for name, value in part.items()}
        return Run(protocol, tuple(sorted(merged.items())), self.server, self.seconds)

    def runs(self, protocol: Protocol) -> tuple[Run, Run]:
        """Return the run with the code's defaults and the one with the environment's values."""
        return self.run(protocol, self.beside), self.run(protocol, self.beside, self.variables)


BOTH: tuple[Protocol, ...] = ("grpc", "http")
LOGS = {"OTEL_LOGS_EXPORTER": "otlp"}
ALL = ["traces", "metrics", "logs"]
OTLP = "OTEL_EXPORTER_OTLP"
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000"}  # shutdown sends all at once
SPANS = ["GET", "order", "payment"]


def each(suffix: str, value: str) -> dict[str, str]:
    """Return the variable of every signal; `{signal}` in the value is the signal's name."""
    return {f"{OTLP}_{signal.upper()}_{suffix}": value.replace("{signal}", signal) for signal in SIGNALS}


def same(value: object) -> dict[str, object]:
    """Return the value for every signal."""
    return dict.fromkeys(ALL, value)


TABLE = (
    # Who am I?
    Row({"OTEL_SERVICE_NAME": "shop"}, resource("service.name"), ["payment-service"], ["shop"]),
    Row(
        {
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,service.namespace=sales,service.version=9,"
            "deployment.environment.name=staging"
        },
        resource("service.name", "service.namespace", "service.version", "deployment.environment.name"),
        ["payment-service", "platform", "0.1.0", "development"],
        ["shop", "sales", "9", "staging"],
    ),
    Row(
        {"OTEL_SERVICE_NAME": "name"},
        resource("service.name"),
        ["attribute"],
        ["name"],
        beside={"OTEL_RESOURCE_ATTRIBUTES": "service.name=attribute"},
    ),
    Row({"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process"}, resource_has_process, False, True),
    # The switch.
    Row({"OTEL_TRACES_EXPORTER": "none"}, sent_and_printed, (["traces", "metrics"], []), (["metrics"], [])),
    Row({"OTEL_TRACES_EXPORTER": "console"}, sent_and_printed, (["traces", "metrics"], []), (["metrics"], ["traces"])),
    Row(
        {"OTEL_TRACES_EXPORTER": "console,otlp"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["traces"]),
    ),
    Row({"OTEL_METRICS_EXPORTER": "none"}, sent_and_printed, (["traces", "metrics"], []), (["traces"], [])),
    Row({"OTEL_METRICS_EXPORTER": "console"}, sent_and_printed, (["traces", "metrics"], []), (["traces"], ["metrics"])),
    Row(
        {"OTEL_METRICS_EXPORTER": "otlp,console"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["metrics"]),
    ),
    Row({"OTEL_LOGS_EXPORTER": "otlp"}, sent_and_printed, (["traces", "metrics"], []), (ALL, [])),
    Row(
        {"OTEL_LOGS_EXPORTER": "console"},
        sent_and_printed,
        (["traces", "metrics"], []),
        (["traces", "metrics"], ["logs"]),
    ),
    Row({"OTEL_LOGS_EXPORTER": "console,otlp"}, sent_and_printed, (["traces", "metrics"], []), (ALL, ["logs"])),
    Row({"OTEL_SDK_DISABLED": "true"}, arrived, ["traces", "metrics"], []),
    # Which spans?
    Row({"OTEL_TRACES_SAMPLER": "always_on"}, span_names, SPANS, ["GET", "continued", "order", "payment"]),
    Row({"OTEL_TRACES_SAMPLER": "always_off"}, span_names, SPANS, []),
    Row({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, span_names, SPANS, []),
    Row(
        {"OTEL_TRACES_SAMPLER_ARG": "0"},
        span_names,
        SPANS,
        [],
        beside={"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"},
    ),
    # How are they queued?
    Row({"OTEL_BSP_SCHEDULE_DELAY": "60000"}, arrived_in_time, ["traces"], [], seconds=2.5),
    Row({"OTEL_BLRP_SCHEDULE_DELAY": "60000"}, arrived_in_time, ALL[::2], ["traces"], beside=LOGS, seconds=2.5),
    Row({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}, largest_request("traces"), 3, 1, beside=LATE),
    Row({"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "1"}, largest_request("logs"), 2, 1, beside=LOGS | LATE),
    Row(
        {"OTEL_BSP_MAX_QUEUE_SIZE": "4096"},
        metric("otel.sdk.processor.span.queue.capacity"),
        (16384, "sum", "CUMULATIVE"),
        (4096, "sum", "CUMULATIVE"),
    ),
    Row(
        {"OTEL_BLRP_MAX_QUEUE_SIZE": "4096"},
        metric("otel.sdk.processor.log.queue.capacity"),
        (2048, "sum", "CUMULATIVE"),
        (4096, "sum", "CUMULATIVE"),
        beside=LOGS,
    ),
    # How large may they be?
    Row(
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "3"},
        size("span attributes", "event attributes", "link attributes", "log attributes"),
        [128, 128, 128, 128],
        [3, 3, 3, 3],
        beside=LOGS,
    ),
    Row(
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "event length", "log length"),
        [probe.LONG] * 3,
        [5, 5, 5],
        beside=LOGS,
    ),
    Row({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "3"}, size("span attributes", "events"), [128, 128], [3, 128], beside=LOGS),
    Row(
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "log length"),
        [probe.LONG, probe.LONG],
        [5, probe.LONG],
        beside=LOGS,
    ),
    Row({"OTEL_SPAN_EVENT_COUNT_LIMIT": "3"}, size("events", "links"), [128, 128], [3, 128], beside=LOGS),
    Row({"OTEL_SPAN_LINK_COUNT_LIMIT": "3"}, size("events", "links"), [128, 128], [128, 3], beside=LOGS),
    Row({"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "3"}, size("event attributes"), [128], [3], beside=LOGS),
    Row({"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "3"}, size("link attributes"), [128], [3], beside=LOGS),
    Row(
        {"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "3"},
        size("span attributes", "log attributes"),
        [128, 128],
        [128, 3],
        beside=LOGS,
    ),
    Row(
        {"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"},
        size("span length", "log length"),
        [probe.LONG, probe.LONG],
        [probe.LONG, 5],
        beside=LOGS,
    ),
    # What is measured, and when?
    Row({"OTEL_METRIC_EXPORT_INTERVAL": "300"}, arrived_in_time, ["traces"], ["traces", "metrics"], seconds=2.5),
    Row(
        {"OTEL_METRIC_EXPORT_TIMEOUT": "1"},
        said("Metric collection timed out"),
        False,
        True,
        beside={"OTEL_METRIC_EXPORT_INTERVAL": "300"},
        seconds=1.0,
    ),
    Row(
        {f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE": "delta"},
        kind_and_temporality,
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("histogram", "CUMULATIVE")},
        {"probe.orders": ("sum", "DELTA"), "probe.duration": ("histogram", "DELTA")},
        protocols=BOTH,
    ),
    Row(
        {f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"},
        kind_and_temporality,
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("histogram", "CUMULATIVE")},
        {"probe.orders": ("sum", "CUMULATIVE"), "probe.duration": ("exponential_histogram", "CUMULATIVE")},
        protocols=BOTH,
    ),
    Row(
        {"OTEL_METRICS_EXEMPLAR_FILTER": "always_off"},
        exemplars,
        [1, 1],
        [0, 0],
        beside={"OTEL_METRICS_EXPORTER": "console"},
    ),
    Row({"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "false"}, spans_counted, 4, 0),
    # What goes on to others, and what is instrumented?
    Row({"OTEL_PROPAGATORS": "tracecontext"}, seen("propagated"), ["baggage", "traceparent"], ["traceparent"]),
    Row({"OTEL_PROPAGATORS": "none"}, seen("propagated"), ["baggage", "traceparent"], []),
    Row(
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"},
        method_names,
        ["http.request.method"],
        ["http.method", "http.request.method"],
        beside={"OTEL_TRACES_SAMPLER": "always_on"} | LATE,
    ),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx"}, span_names, SPANS, ["order", "payment"]),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, span_names, SPANS, ["order", "payment"]),
    Row({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "threading"}, seen("thread_in_trace"), True, False),
    # Where to, and how?
    Row(
        {f"{OTLP}_ENDPOINT": "{endpoint}"},
        destination,
        "the default",
        "elsewhere",
        # Before the end, because then spans that find no collector leave no time for metrics.
        beside={
            f"{OTLP}_ENDPOINT": "",
            f"{OTLP}_TIMEOUT": "0.3",
            "OTEL_METRICS_EXPORTER": "console",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        },
        protocols=BOTH,
        seconds=2.0,
    ),
    Row(
        {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": "UNAVAILABLE"},
        said("Transient error"),
        False,
        True,
        beside={f"{OTLP}_ENDPOINT": "http://127.0.0.1:1", f"{OTLP}_TIMEOUT": "3", "OTEL_BSP_SCHEDULE_DELAY": "100"},
        protocols=("grpc",),
        seconds=1.0,
    ),
    *(
        Row(
            {f"{OTLP}_{signal.upper()}_ENDPOINT": f"{{other}}/v1/{signal}"},
            lambda outcome: (arrived(outcome), arrived_elsewhere(outcome)),
            (ALL, []),
            ([other for other in ALL if other != signal], [signal]),
            beside=LOGS,
            protocols=BOTH,
        )
        for signal in SIGNALS
    ),
    Row({f"{OTLP}_HEADERS": "x-key=a%20b"}, header("x-key"), same(None), same("a b"), beside=LOGS, protocols=BOTH),
    Row(
        each("HEADERS", "x-key={signal}"),
        header("x-key"),
        same("general"),
        {"traces": "traces", "metrics": "metrics", "logs": "logs"},
        beside=LOGS | {f"{OTLP}_HEADERS": "x-key=general"},
        protocols=BOTH,
    ),
    Row({f"{OTLP}_COMPRESSION": "gzip"}, compression, same(""), same("gzip"), beside=LOGS, protocols=BOTH),
    Row({f"{OTLP}_COMPRESSION": "deflate"}, compression, same(""), same("deflate"), beside=LOGS),
    *(
        Row(
            {f"{OTLP}_{signal.upper()}_COMPRESSION": "none"},
            compression,
            same("gzip"),
            same("gzip") | {signal: ""},
            beside=LOGS | {f"{OTLP}_COMPRESSION": "gzip"},
            protocols=BOTH,
        )
        for signal in SIGNALS
    ),
    Row(
        each("COMPRESSION", "gzip"),
        compression,
        same(""),
        same("gzip"),
        beside=LOGS | {f"{OTLP}_COMPRESSION": "none"},
        protocols=BOTH,
    ),
    Row({f"{OTLP}_TIMEOUT": "0.2"}, arrived, ALL, [], beside=LOGS, protocols=BOTH, server="slow"),
    Row(
        each("TIMEOUT", "10"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "0.2"},
        protocols=BOTH,
        server="slow",
    ),
    # To whom, with whose papers?
    Row(
        {f"{OTLP}_CERTIFICATE": "{ca}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"},
        protocols=BOTH,
        server="tls",
    ),
    Row(
        {f"{OTLP}_CERTIFICATE": "{ca}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", "REQUESTS_CA_BUNDLE": "{stranger}"},  # which the HTTP library prefers
        server="tls",
    ),
    Row(
        each("CERTIFICATE", "{ca}"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"},
        protocols=BOTH,
        server="tls",
    ),
    Row(
        {f"{OTLP}_CLIENT_CERTIFICATE": "{certificate}", f"{OTLP}_CLIENT_KEY": "{key}"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_CERTIFICATE": "{ca}"},
        protocols=BOTH,
        server="mutual",
    ),
    Row(
        each("CLIENT_CERTIFICATE", "{certificate}") | each("CLIENT_KEY", "{key}"),
        arrived,
        [],
        ALL,
        # Over gRPC a signal's own client certificate counts only beside its own authority.
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2"} | each("CERTIFICATE", "{ca}"),
        protocols=BOTH,
        server="mutual",
    ),
    Row(
        {f"{OTLP}_INSECURE": "true"},
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_ENDPOINT": "{address}"},
        protocols=("grpc",),
    ),
    Row(
        each("INSECURE", "true"),
        arrived,
        [],
        ALL,
        beside=LOGS | {f"{OTLP}_TIMEOUT": "2", f"{OTLP}_ENDPOINT": "{address}"},
        protocols=("grpc",),
    ),
)

REFUSED = {
    "OTEL_BSP_EXPORT_TIMEOUT": "the SDK reads it and does nothing with it",
    "OTEL_BLRP_EXPORT_TIMEOUT": "the same",
    "OTEL_LOG_LEVEL": "declared, and read nowhere",
    "OTEL_EXPORTER_PROMETHEUS_HOST": "of an exporter that is not installed",
    "OTEL_EXPORTER_PROMETHEUS_PORT": "the same",
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "the same",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "the same",
    "OTEL_CONFIG_FILE": "an SDK that is set up in code cannot honour it",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "the other protocol's exporter is not installed",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "the same",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "the same",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "the same",
    "OTEL_PYTHON_TRACER_PROVIDER": "the service builds its own",
    "OTEL_PYTHON_METER_PROVIDER": "the same",
    "OTEL_PYTHON_CONTEXT": "there is one implementation, and it is used without being asked for",
    "OTEL_PYTHON_ID_GENERATOR": "only opentelemetry-instrument reads it",
    "OTEL_PYTHON_TRACER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_METER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_LOGGER_CONFIGURATOR": "the same",
    "OTEL_PYTHON_DISTRO": "the same",
    "OTEL_PYTHON_CONFIGURATOR": "the same",
}
NO_EFFECT = {
    "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH": "only opentelemetry-instrument reads it",
}
ANY_TEXT = {
    "OTEL_SERVICE_NAME": "a name",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "may name instrumentations that are not installed",
}
UNDECLARED = {
    "OTEL_PYTHON_LOGGER_PROVIDER": "as the other providers; the SDK has only a private name for it",
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "OTEL_LOGS_EXPORTER decides",
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "the same",
}
IN_TABLE = {name for row in TABLE for name in row.variables}
