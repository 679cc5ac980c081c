"""OTLP over HTTP: the only module that imports exporters.

They get no argument that an OTEL_EXPORTER_OTLP_* variable covers, because it would silence the variable.
"""

import os
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


class Session(requests.Session):
    """Lets OTEL_EXPORTER_OTLP_CERTIFICATE win over REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE."""

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send with the certificate that the exporter has set, if it has."""
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return super().send(request, **settings)


def _session() -> Session | None:
    return Session() if {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & os.environ.keys() else None


def span_exporter() -> OTLPSpanExporter:
    """Return the exporter of traces."""
    return OTLPSpanExporter(session=_session())


def metric_exporter() -> OTLPMetricExporter:
    """Return the exporter of metrics."""
    return OTLPMetricExporter(session=_session())


def log_exporter() -> OTLPLogExporter:
    """Return the exporter of log records."""
    return OTLPLogExporter(session=_session())
