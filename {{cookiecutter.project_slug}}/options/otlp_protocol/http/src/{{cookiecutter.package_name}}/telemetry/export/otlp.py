"""OTLP over HTTP: the only module that imports exporters, and gives them no argument that a variable covers."""

import os
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import entry_points
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from .answers import Answer, Verdict, remember

AGAIN = (429, 502, 503, 504)
TOO_LARGE = 413


class Session(requests.Session):
    """Hears each answer, and lets the exporter's certificate win over REQUESTS_CA_BUNDLE."""

    def __init__(self) -> None:
        super().__init__()
        os.register_at_fork(
            after_in_child=self.close
        )  # two processes that write to one connection garble both

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return _heard(super().send, request, settings)


def _provided(name: str) -> requests.Session:
    """Return the session of an installed credential provider; it is listened to as well."""
    (provider,) = entry_points(group="opentelemetry_otlp_credential_provider", name=name)
    session: requests.Session = provider.load()()
    send = session.send
    session.send = lambda request, **settings: _heard(send, request, settings)  # type: ignore[method-assign]
    return session


def _session(signal: str) -> requests.Session:
    prefix = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
    name = os.environ.get(
        f"{prefix}CREDENTIAL_PROVIDER"
    )  # before the signal's own, as in the exporter
    name = name or os.environ.get(f"{prefix}{signal}_CREDENTIAL_PROVIDER")
    return _provided(name) if name else Session()


def _sent(
    send: Callable[..., requests.Response],
    request: requests.PreparedRequest,
    settings: dict[str, Any],
) -> requests.Response:
    try:
        return send(request, **settings)
    except requests.Timeout:
        raise
    except (
        requests.ConnectionError
    ):  # most often one that the receiver has closed while it was idle
        return send(request, **settings)


def _heard(
    send: Callable[..., requests.Response],
    request: requests.PreparedRequest,
    settings: dict[str, Any],
) -> requests.Response:
    """Send a request and remember the answer; raise requests.HTTPError for all but success.

    The exporter would take a redirect for success, count as sent what was refused, and repeat by itself what
    retrying.py repeats.
    """
    try:
        response = _sent(send, request, settings)
    except requests.RequestException as error:
        remember(Answer(Verdict.AGAIN, f"{type(error).__name__}: {error}"))
        raise requests.HTTPError(str(error)) from error
    answer = _answer(response)
    remember(answer)
    if answer.verdict is not Verdict.TAKEN:
        raise requests.HTTPError(answer.text)
    return response


def _answer(response: requests.Response) -> Answer:
    where = f", redirected to {response.headers['location']}" if response.is_redirect else ""
    text = f"HTTP {response.status_code}: {response.reason}{where}"
    if response.status_code < 300:
        return Answer(Verdict.TAKEN, text)
    if response.status_code in AGAIN:
        return Answer(Verdict.AGAIN, text, _seconds(response.headers.get("retry-after", "")))
    if response.status_code == TOO_LARGE:
        return Answer(Verdict.TOO_LARGE, text)
    return Answer(Verdict.REFUSED, text)


def _seconds(retry_after: str) -> float:
    """Return what a Retry-After header asks for: a number of seconds, or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def span_exporter(session: requests.Session | None = None) -> OTLPSpanExporter:
    """Return an exporter of spans; `session` is the doctor's."""
    return OTLPSpanExporter(session=session or _session("TRACES"))


def metric_exporter(session: requests.Session | None = None) -> OTLPMetricExporter:
    """Return an exporter of metrics."""
    return OTLPMetricExporter(session=session or _session("METRICS"))


def log_exporter(session: requests.Session | None = None) -> OTLPLogExporter:
    """Return an exporter of log records."""
    return OTLPLogExporter(session=session or _session("LOGS"))


EXPORTERS: dict[str, Any] = {
    "traces": span_exporter,
    "metrics": metric_exporter,
    "logs": log_exporter,
}
