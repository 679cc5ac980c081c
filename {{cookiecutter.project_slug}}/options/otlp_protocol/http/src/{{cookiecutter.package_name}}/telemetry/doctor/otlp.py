"""The doctor's OTLP over HTTP: sends by the service's exporter, and reads the whole answer.

The exporter hides the answer, so it gets a session that keeps it.
"""

import os
import re
import threading
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.utils import get_environ_proxies, select_proxy

from ..export import otlp
from ..settings.variables import endpoint, variable
from .sample import REJECTED, Sample
from .wire import Answer, Route

DecodeError: Any = import_module("google.protobuf.message").DecodeError  # it has no types

RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
CREDENTIAL_PROVIDER = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
LONGEST_DETAIL = 300


class RecordingSession(otlp.Session):
    """Sends as the service's session does, and keeps the first answer or error."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()
        self.first: requests.Response | Exception | None = None
        self._last: requests.Response | None = None
        self.hooks["response"].append(self._keep)

    def _keep(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._last = response

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send a request; all methods of a session end here."""
        try:
            response = super().send(request, **settings)
        except Exception as error:
            self._record(self._reason(error))
            raise
        except BaseException:
            self.answered.set()
            raise
        self._record(response)
        return response

    def _record(self, result: requests.Response | Exception) -> None:
        if self.first is None:
            self.first = result
        self.answered.set()

    def _reason(self, error: Exception) -> requests.Response | Exception:
        """Return what the service's session has turned into an HTTPError."""
        if isinstance(error.__cause__, requests.RequestException):
            return error.__cause__  # no answer came
        if isinstance(error, requests.HTTPError) and self._last is not None:
            return self._last
        return error


def route(signal: str) -> Route:
    """Return where a signal goes, by the exporter's own rules."""
    url = urlsplit(endpoint(signal))
    tls = url.scheme.lower() == "https"
    ca = os.environ.get(variable(signal, "CERTIFICATE"))
    ca = ca or os.environ.get("REQUESTS_CA_BUNDLE")
    ca = ca or os.environ.get("CURL_CA_BUNDLE", "")
    certificate = os.environ.get(variable(signal, "CLIENT_CERTIFICATE"), "")
    key = os.environ.get(variable(signal, "CLIENT_KEY"), "")
    port = _port(url.netloc) or (443 if tls else 80)
    return Route(url.hostname or "", port, tls, ca, certificate, key)


def _port(netloc: str) -> int:
    found = re.search(r":(\d+)$", netloc)
    return int(found[1]) if found else 0


def proxy(signal: str) -> tuple[str, str]:
    """Return the variable that sends a signal through a proxy, and its value."""
    address = endpoint(signal)
    value = select_proxy(address, get_environ_proxies(address, no_proxy=None))
    if not value:
        return "", ""
    scheme = urlsplit(address).scheme.lower()
    for base in (f"{scheme}_proxy", "all_proxy"):
        for name in (base, base.upper()):
            if os.environ.get(name):
                return name, value
    return "", value


def send(signal: str, sample: Sample, seconds: float) -> Answer:
    """Send a sample by the exporter, and return the receiver's answer."""
    session = RecordingSession()
    exporter = _exporter(signal, session)
    results: list[str] = []

    def export() -> None:
        results.append(exporter.export(sample.of(signal)).name)
        session.answered.set()

    threading.Thread(target=export, daemon=True).start()
    if not session.answered.wait(seconds):
        return Answer("timeout")
    if session.first is not None:
        return _answer(signal, session.first)
    # A credential provider has a session of its own.
    code = "" if results == ["SUCCESS"] else "connection"
    return Answer(code, "its credential provider's session gives no reason")


def _exporter(signal: str, session: requests.Session) -> Any:
    exporter = otlp.EXPORTERS[signal]
    if any(name.startswith(CREDENTIAL_PROVIDER) for name in os.environ):
        return exporter()
    return exporter(session=session)


def _answer(signal: str, first: requests.Response | Exception) -> Answer:
    if isinstance(first, requests.Response):
        return _read(signal, first)
    if isinstance(first, requests.ConnectTimeout):  # a Timeout, but without a connection
        return Answer("connection", _innermost(first))
    if isinstance(first, requests.Timeout):
        return Answer("timeout")
    return Answer("connection", _innermost(first))


def _innermost(error: Exception) -> str:
    """Return the innermost cause: what requests and urllib3 wrap around it says less."""
    outer: BaseException = error
    while True:
        inner: Any = outer.__cause__ or outer.__context__
        if inner is None and outer.args:
            inner = outer.args[0]
        if not isinstance(inner, BaseException):
            return str(outer) or type(outer).__name__
        outer = inner


def _read(signal: str, response: requests.Response) -> Answer:
    code = str(response.status_code)
    if response.is_redirect or 300 <= response.status_code < 400:
        return Answer(code, response.headers.get("location", "nowhere"))
    if response.ok:
        return _success(signal, response)
    words = otlp.words(response, response.content)
    detail = words[:LONGEST_DETAIL] or response.reason or "no reason given"
    wait = response.headers.get("retry-after")
    if not wait:
        return Answer(code, detail)
    unit = " s" if wait.isdecimal() else ""  # otherwise it is a date
    return Answer(code, detail, retry=f", retry after {wait}{unit}")


def _success(signal: str, response: requests.Response) -> Answer:
    kind = response.headers.get("content-type", "")
    if "html" in kind:
        return Answer("page", kind, sent=str(response.status_code))
    if "json" in kind:
        return Answer("")
    try:
        partial = RESPONSES[signal].FromString(response.content).partial_success
    except DecodeError:
        return Answer("")
    rejected = getattr(partial, REJECTED[signal])
    return Answer("", partial.error_message, rejected=rejected)
