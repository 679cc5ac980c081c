"""The doctor's OTLP over HTTP: the service's exporter sends, through a session that keeps what is answered."""

import os
import re
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan
from requests.utils import get_environ_proxies, select_proxy

from ..export import otlp
from ..start_line import variable
from .wire import Answer, Route

DecodeError: Any = import_module("google.protobuf.message").DecodeError
status: Any = import_module("google.rpc.status_pb2")  # so, because it has no types

EXPORTERS: dict[str, Any] = {
    "traces": otlp.span_exporter,
    "metrics": otlp.metric_exporter,
    "logs": otlp.log_exporter,
}
RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}


class Recorder(otlp.Session):
    """Sends as the service's session does, and keeps the first answer or failure."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.answered = threading.Event()
        self.first: requests.Response | Exception | None = None
        self._last: requests.Response | None = None
        self.hooks["response"].append(self._before_it_is_read)

    def _before_it_is_read(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._last = response

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send, as every method of a session does in the end."""
        came: requests.Response | Exception | None = None
        try:
            came = super().send(request, **settings)
            return came
        except Exception as error:
            came = error
            if isinstance(error.__cause__, requests.RequestException):
                came = error.__cause__  # no answer came
            elif isinstance(error, requests.HTTPError) and self._last is not None:
                came = self._last  # the service's session raises this on any answer but success
            raise
        finally:
            self.first = came if self.first is None else self.first
            self.answered.set()


def route(signal: str) -> Route:
    """Return where a signal goes, by the exporter's own rules."""
    url = urlsplit(os.environ[variable(signal, "ENDPOINT")])
    tls = url.scheme.lower() == "https"
    names = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    papers = [os.environ.get(variable(signal, name), "") for name in names]
    papers[0] = papers[0] or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE", "")
    return Route(url.hostname or "", _port(url.netloc) or (443 if tls else 80), tls, *papers)


def _port(netloc: str) -> int:
    found = re.search(r":(\d+)$", netloc)
    return int(found[1]) if found else 0


def proxy(signal: str) -> tuple[str, str]:
    """Return the variable that sends a signal through a proxy, and its value."""
    endpoint = os.environ[variable(signal, "ENDPOINT")]
    value = select_proxy(endpoint, get_environ_proxies(endpoint, no_proxy=None)) or ""
    scheme = urlsplit(endpoint).scheme.lower()
    names = [name for base in (scheme, "all") for name in (f"{base}_proxy", f"{base}_PROXY".upper())]
    return next((name for name in names if value and os.environ.get(name)), ""), value


def send(signal: str, item: Any, _: Sequence[ReadableSpan], seconds: float) -> Answer:
    """Send an item as the service would, and read the receiver's answer."""
    session = Recorder()
    provided = [name for name in os.environ if name.startswith("OTEL_PYTHON_EXPORTER_OTLP_HTTP_")]  # its own session
    exporter = EXPORTERS[signal]() if provided else EXPORTERS[signal](session=session)
    result: list[str] = []

    def export() -> None:
        result.append(exporter.export(item).name)
        session.answered.set()

    threading.Thread(target=export, daemon=True).start()
    if not session.answered.wait(seconds):
        return Answer("timeout")
    if isinstance(session.first, requests.Response):
        return _read(signal, session.first)
    if isinstance(session.first, requests.Timeout) and not isinstance(session.first, requests.ConnectTimeout):
        return Answer("timeout")
    if session.first is None:
        return Answer(
            "" if result == ["SUCCESS"] else "connection", "its credential provider's session gives no reason"
        )
    return Answer("connection", _reason(session.first))


def _reason(error: Exception) -> str:
    """Return the innermost cause: what requests and urllib3 wrap around it says less."""
    inner: Any = error
    while isinstance(inner, BaseException):
        outer, inner = inner, inner.__cause__ or inner.__context__ or (inner.args[0] if inner.args else None)
    return str(outer) or type(outer).__name__


def _read(signal: str, response: requests.Response) -> Answer:
    kind, body = response.headers.get("content-type", ""), response.content
    if response.is_redirect or 300 <= response.status_code < 400:
        return Answer(str(response.status_code), response.headers.get("location", "nowhere"))
    if response.ok:
        if "html" in kind:
            return Answer("page", kind, sent=str(response.status_code))
        try:
            partial = RESPONSES[signal].FromString(body if "json" not in kind else b"").partial_success
        except DecodeError:
            return Answer("")
        rejected = [value for _, value in partial.ListFields() if isinstance(value, int)]
        return Answer("", partial.error_message, rejected=sum(rejected))
    wait = response.headers.get("retry-after")
    retry = f", retry after {wait}{' s' if wait.isdecimal() else ''}" if wait else ""
    try:
        detail = status.Status.FromString(body).message if "protobuf" in kind else ""
    except DecodeError:
        detail = ""
    detail = detail or " ".join(re.sub(r"<[^>]*>", " ", "" if "protobuf" in kind else response.text).split())
    return Answer(str(response.status_code), detail[:300] or response.reason or "no reason given", retry)
