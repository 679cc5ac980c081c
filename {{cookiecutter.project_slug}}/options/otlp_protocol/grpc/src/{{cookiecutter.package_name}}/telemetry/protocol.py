"""What OTLP over gRPC takes as settings: data, so that it can be read before the exporters are imported."""

PROTOCOL = "grpc"
COMPRESSION = "gzip|none"
DEFAULT_ENDPOINT = "http://localhost:4317"
ENDPOINT = "http://host:port for plaintext, https://host:port or host:port for TLS"
# The last alternative is gRPC's own naming, for sockets and resolvers.
ENDPOINT_PATTERN = r"(https?://)?(\[[0-9a-f:.]+\]|(?a:[\w.-]+))(:\d{1,5})?(/\S*)?|(dns|ipv4|ipv6|unix):[!-~]+"
