"""What OTLP over gRPC accepts as settings: data, which is read before exporters are imported."""

PROTOCOL = "grpc"
# The exporter must not retry by itself: until its timeout it would hold up all other batches. So
# this names only OK, which is no error.
DEFAULTS = {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": "OK"}
COMPRESSION = "gzip|none"
DEFAULT_ENDPOINT = "http://localhost:4317"
ENDPOINT = "http://host:port for plaintext, https://host:port or host:port for TLS"
_HOST = r"(\[[0-9a-f:.]+\]|(?a:[\w.-]+))"
_PORT = r"(:\d{1,5})?"
_URL = rf"(https?://)?{_HOST}{_PORT}(/\S*)?"
# gRPC's own names, for sockets and resolvers, are in printable ASCII.
ENDPOINT_PATTERN = rf"{_URL}|(dns|ipv4|ipv6|unix):[!-~]+"
