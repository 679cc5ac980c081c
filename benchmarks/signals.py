"""The variables that say which signals the compared services send; the same for all of them."""

LOGS_OFF = {"OTEL_LOGS_EXPORTER": "none"}
# By name: the variables. Metrics are exported once a minute, as the SDK does by default.
SIGNALS = {
    "traces": LOGS_OFF | {"OTEL_METRICS_EXPORTER": "none"},
    "traces and metrics": LOGS_OFF | {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "60000"},
}
# Milliseconds. The defaults, 1 s and 5 s, would be most of a turn that ends with its last span.
SHORT_DELAY = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
