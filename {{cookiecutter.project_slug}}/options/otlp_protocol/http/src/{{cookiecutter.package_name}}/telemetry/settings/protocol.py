"""What OTLP over HTTP takes as settings: data, so that it can be read before the exporters are imported."""

PROTOCOL = "http/protobuf"
DEFAULTS: dict[str, str] = {}
COMPRESSION = "gzip|deflate|none"
DEFAULT_ENDPOINT = "http://localhost:4318"
ENDPOINT = "http://host:port or https://host:port"
ENDPOINT_PATTERN = r"https?://([^/?#@\s]*@)?(\[[0-9a-f:.]+\]|[^/:@\s]+)(:\d{1,5})?(/\S*)?"
