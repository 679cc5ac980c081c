"""What OTLP over gRPC takes as settings: data, so that it can be read before the exporters are imported."""

PROTOCOL = "grpc"
# The exporter would repeat RESOURCE_EXHAUSTED, too, the answer to a batch that is too large.
DEFAULTS = {
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": (
        "CANCELLED,DEADLINE_EXCEEDED,ABORTED,OUT_OF_RANGE,UNAVAILABLE,DATA_LOSS"
    )
}
COMPRESSION = "gzip|none"
DEFAULT_ENDPOINT = "http://localhost:4317"
ENDPOINT = "http://host:port for plaintext, https://host:port or host:port for TLS"
# The last alternative is gRPC's own naming, for sockets and resolvers.
ENDPOINT_PATTERN = r"(https?://)?(\[[0-9a-f:.]+\]|(?a:[\w.-]+))(:\d{1,5})?(/\S*)?|(dns|ipv4|ipv6|unix):[!-~]+"
