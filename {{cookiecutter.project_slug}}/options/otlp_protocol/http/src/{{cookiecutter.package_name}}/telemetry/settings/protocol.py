"""What OTLP over HTTP accepts as settings: data, which is read before exporters are imported."""

PROTOCOL = "http/protobuf"
DEFAULTS: dict[str, str] = {}
COMPRESSION = "gzip|deflate|none"
DEFAULT_ENDPOINT = "http://localhost:4318"
ENDPOINT = "http://host:port or https://host:port"
_CREDENTIALS = r"[^/?#@\s]*@"
_HOST = r"(\[[0-9a-f:.]+\]|[^/:@\s]+)"
_PORT = r"(:\d{1,5})?"
ENDPOINT_PATTERN = rf"https?://({_CREDENTIALS})?{_HOST}{_PORT}(/\S*)?"
