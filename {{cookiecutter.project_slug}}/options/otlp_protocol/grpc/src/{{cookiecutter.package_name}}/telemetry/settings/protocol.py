"""What OTLP over gRPC takes as settings: data, so that it can be read before the exporters are imported."""

PROTOCOL = "grpc"
# OK is no error: the exporter itself repeats nothing, because it would hold up other batches for its whole timeout.
DEFAULTS = {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": "OK"}
COMPRESSION = "gzip|none"
DEFAULT_ENDPOINT = "http://localhost:4317"
ENDPOINT = "http://host:port for plaintext, https://host:port or host:port for TLS"
# The last alternative is gRPC's own naming, for sockets and resolvers.
ENDPOINT_PATTERN = r"(https?://)?(\[[0-9a-f:.]+\]|(?a:[\w.-]+))(:\d{1,5})?(/\S*)?|(dns|ipv4|ipv6|unix):[!-~]+"
