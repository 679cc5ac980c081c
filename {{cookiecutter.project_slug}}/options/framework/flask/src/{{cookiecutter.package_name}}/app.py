"""The web application. Your routes go here."""

import os
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.trace import Span
from opentelemetry.util.http import sanitize_method

from . import telemetry
from .transactions import MAX_AMOUNT_CENTS, is_amount, process_transaction

# The platform calls these every few seconds. Their traces would outnumber those of users.
# The value is a list of URL patterns, separated by commas.
UNTRACED = r"^https?://[^/?]*/(healthz|readyz)(\?|$)"
for variable in ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"):
    if os.environ.get(variable):
        UNTRACED += f",{os.environ[variable]}"


def name_without_route(span: Span, _: dict[str, Any]) -> None:
    """Name a request without a route by its method alone: each path would be a new span name."""
    if request.url_rule is None:
        span.update_name(sanitize_method(request.method).replace("_OTHER", "HTTP"))


app = Flask(__name__)
FlaskInstrumentor().instrument_app(app, request_hook=name_without_route, excluded_urls=UNTRACED)
instrumented = app.wsgi_app


def configured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Configure telemetry before the first request.

    Under Gunicorn each worker has already done so, in gunicorn.conf.py.
    """
    telemetry.configure()
    return instrumented(environ, start_response)


# Flask's documented way to wrap the application.
app.wsgi_app = configured  # type: ignore[method-assign]


@app.post("/transactions")
def create_transaction() -> ResponseReturnValue:
    """Process a transaction. Answer anything but a whole number of cents with 422."""
    body = request.get_json(silent=True)
    amount = body.get("amount_cents") if isinstance(body, dict) else None
    if not is_amount(amount):
        detail = f"amount_cents must be a whole number from 0 to {MAX_AMOUNT_CENTS}"
        return jsonify(detail=detail), 422
    return jsonify(transaction_id=process_transaction(amount)), 201


@app.get("/healthz")
def healthz() -> Response:
    """Report that the process is alive."""
    return jsonify(status="alive")


@app.get("/readyz")
def readyz() -> Response:
    """Report that the service accepts requests."""
    return jsonify(status="ready")
