"""OTLP over HTTP: the only module that imports OTLP exporters.

The exporters read the OTEL_* variables themselves.
"""

import io
import os
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import _log_exporter, trace_exporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from . import encoding
from .answers import MENTIONS_SIZE, Answer, DecodeError, Verdict, remember, taken

encoding.install(trace_exporter, _log_exporter)

status_pb2: Any = import_module("google.rpc.status_pb2")  # it has no types

RETRYABLE = (429, 502, 503, 504)  # the statuses that OTLP lets a client retry
TOO_LARGE = 413
# A Collector answers 400 to a request that is larger than its max_request_body_size.
MAY_MEAN_TOO_LARGE = (400, 500)

LONGEST_BODY = 16 * 1024  # bytes of an answer that are read

Send = Callable[..., requests.Response]  # requests.Session.send


class Session(requests.Session):
    """Sends an exporter's requests, and remembers each answer.

    The exporter's certificate wins over REQUESTS_CA_BUNDLE, which requests would prefer.
    """

    def __init__(self) -> None:
        super().__init__()
        # A forked child has a copy of each open connection. If parent and child wrote to the same
        # one they would garble both their requests, so the child opens its own.
        os.register_at_fork(after_in_child=self.close)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if isinstance(self.verify, str):
            options["verify"] = self.verify
        return _send_and_remember(super().send, request, options)


def _session(signal: str) -> requests.Session:
    """Return the session for a signal, by the exporter's own rules."""
    provider = _credential_provider(signal)
    if provider:
        return _provided_session(provider)
    return Session()


def _credential_provider(signal: str) -> str | None:
    """Return the name of a signal's credential provider; the general variable comes first."""
    prefix = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
    general = os.environ.get(f"{prefix}CREDENTIAL_PROVIDER")
    return general or os.environ.get(f"{prefix}{signal}_CREDENTIAL_PROVIDER")


def _provided_session(name: str) -> requests.Session:
    """Return the session of an installed credential provider, changed to remember answers."""
    (provider,) = entry_points(group="opentelemetry_otlp_credential_provider", name=name)
    session: requests.Session = provider.load()()
    send = session.send

    def send_and_remember(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        return _send_and_remember(send, request, options)

    session.send = send_and_remember  # type: ignore[method-assign]
    return session


def _send_and_remember(
    send: Send, request: requests.PreparedRequest, options: dict[str, Any]
) -> requests.Response:
    """Send a request and remember the answer; raise requests.HTTPError unless it is a success.

    Without the error the exporter would take a redirect for a success, and would repeat some
    requests itself; retrying.py does that.
    """
    options["stream"] = True  # the status decides, also if the body cannot be read
    try:
        response = _send_twice(send, request, options)
    except requests.RequestException as error:
        remember(Answer(Verdict.AGAIN, f"{type(error).__name__}: {error}"))
        raise requests.HTTPError(str(error)) from error
    except ValueError as error:  # requests raises it on a redirect to an impossible address
        remember(Answer(Verdict.REFUSED, f"{type(error).__name__}: {error}"))
        raise requests.HTTPError(str(error)) from error
    answer = _answer(response)
    remember(answer)
    if answer.verdict is not Verdict.TAKEN:
        raise requests.HTTPError(answer.text)
    return response


def _send_twice(
    send: Send, request: requests.PreparedRequest, options: dict[str, Any]
) -> requests.Response:
    """Send a request, and once more if its connection fails.

    Most often the receiver has closed a connection that was idle.
    """
    try:
        return send(request, **options)
    except requests.Timeout:
        raise
    except requests.ConnectionError:
        return send(request, **options)


def _answer(response: requests.Response) -> Answer:
    """Return what a response says, by OTLP's rules for HTTP status codes."""
    status = response.status_code
    body = _body(response)
    text = f"HTTP {status}: {response.reason}"
    if response.is_redirect:
        text += f", redirected to {response.headers['location']}"
    if status < 300:
        return _taken(response, body)
    said = words(response, body)
    if said:
        text += f", {said}"
    if status in RETRYABLE:
        retry_after = response.headers.get("retry-after", "")
        return Answer(Verdict.AGAIN, text, _seconds(retry_after))
    if status == TOO_LARGE:
        return Answer(Verdict.TOO_LARGE, text)
    is_about_headers = re.search("header|cookie", said, re.IGNORECASE)
    if status in MAY_MEAN_TOO_LARGE and MENTIONS_SIZE.search(said) and not is_about_headers:
        return Answer(Verdict.TOO_LARGE, text)
    return Answer(Verdict.REFUSED, text)


def _taken(response: requests.Response, body: bytes) -> Answer:
    kind = response.headers.get("content-type", "")
    if "html" in kind:  # the page of a proxy or a login
        page = f"HTTP {response.status_code} with {kind}, as no receiver does"
        return Answer(Verdict.TAKEN, page)
    return taken(body)


def words(response: requests.Response, body: bytes) -> str:
    """Return the receiver's words: the message of a Status, or the text without HTML's tags."""
    kind = response.headers.get("content-type", "")
    if "protobuf" in kind:
        try:
            message: str = status_pb2.Status.FromString(body).message
        except DecodeError:
            return ""
        return message
    text = body.decode(errors="replace")
    text = re.sub(r"<[^<>]*>", " ", text)
    return " ".join(text.split())


def _body(response: requests.Response) -> bytes:
    """Read a response to its end, so that its connection can be used again; not if it is long."""
    raw = response.raw
    try:
        body: bytes = raw.read(LONGEST_BODY, decode_content=True) or response.content
        has_more = bool(raw.read(1))
    except Exception:  # noqa: BLE001, urllib3 and requests have errors of their own
        body = b""
        has_more = True
    if has_more:
        response.close()
    response.raw = io.BytesIO(body)  # the doctor reads it too
    return body


def _seconds(retry_after: str) -> float:
    """Return how long a Retry-After header asks us to wait: it holds seconds or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
        return date.timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def span_exporter(session: requests.Session | None = None) -> OTLPSpanExporter:
    """Return an exporter of spans; only the doctor gives it a session."""
    return OTLPSpanExporter(session=session or _session("TRACES"))


def metric_exporter(session: requests.Session | None = None) -> OTLPMetricExporter:
    """Return an exporter of metrics."""
    return OTLPMetricExporter(session=session or _session("METRICS"))


def log_exporter(session: requests.Session | None = None) -> OTLPLogExporter:
    """Return an exporter of log records."""
    return OTLPLogExporter(session=session or _session("LOGS"))


EXPORTERS: dict[str, Callable[..., Any]] = {
    "traces": span_exporter,
    "metrics": metric_exporter,
    "logs": log_exporter,
}
