"""OTLP over HTTP: the only module that imports exporters, and gives them no argument that a variable covers."""

import os
from functools import partial
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

TRY_AGAIN = (429, 502, 503, 504)  # the exporter does


class Session(requests.Session):
    """Lets the exporter's certificate win over REQUESTS_CA_BUNDLE, and a refusal be the failure that it is."""

    def __init__(self) -> None:
        super().__init__()
        os.register_at_fork(after_in_child=self.close)  # two processes that write to one connection garble both

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        own = {"verify": self.verify} if isinstance(self.verify, str) else {}
        response = super().send(request, **settings | own)
        # The exporter would take a redirect for success, and count as sent what was refused.
        if response.status_code >= 300 and response.status_code not in TRY_AGAIN:
            where = f", redirected to {response.headers['location']}" if response.is_redirect else ""
            raise requests.HTTPError(f"{response.status_code} {response.reason}{where}")
        return response


_own = not [name for name in os.environ if name.startswith("OTEL_PYTHON_EXPORTER_OTLP_HTTP")]  # they bring their own
span_exporter = partial(OTLPSpanExporter, session=Session() if _own else None)
metric_exporter = partial(OTLPMetricExporter, session=Session() if _own else None)
log_exporter = partial(OTLPLogExporter, session=Session() if _own else None)
