"""OTLP over HTTP: the only module that imports exporters, and gives them no argument that a variable covers."""

import os
from functools import partial
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


class Session(requests.Session):
    """Sends with the exporter's own certificate, which REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE would silence."""

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        return super().send(request, **settings | ({"verify": self.verify} if isinstance(self.verify, str) else {}))


_silenced = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & os.environ.keys()
span_exporter = partial(OTLPSpanExporter, session=Session() if _silenced else None)
metric_exporter = partial(OTLPMetricExporter, session=Session() if _silenced else None)
log_exporter = partial(OTLPLogExporter, session=Session() if _silenced else None)
