"""The web application: your routes go here."""

import os
from typing import Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.trace import Span

from . import telemetry
from .transactions import MAX_AMOUNT_CENTS, process_transaction

# The platform asks these every few seconds; traced, they would drown what users do. Patterns, joined by commas.
UNTRACED = ",".join(filter(None, [r"/(healthz|readyz)(\?|$)", os.environ.get("OTEL_PYTHON_FLASK_EXCLUDED_URLS")]))


def name_without_route(span: Span, _: dict[str, Any]) -> None:
    """Name a request that no route has by its method alone: paths would make a new name for each."""
    if request.url_rule is None:
        span.update_name(request.method if request.method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "HTTP")


app = Flask(__name__)
# gunicorn.conf.py configures each worker; under any other server its first request does, and from then on this
# does nothing. It stands before the instrumentation, which makes the request's span.
app.before_request(telemetry.configure)
FlaskInstrumentor().instrument_app(app, request_hook=name_without_route, excluded_urls=UNTRACED)


@app.post("/transactions")
def create_transaction() -> ResponseReturnValue:
    """Process a transaction; anything but a whole number of cents is answered with 422."""
    body = request.get_json(silent=True)
    amount = body.get("amount_cents") if isinstance(body, dict) else None
    if type(amount) is not int or not 0 <= amount <= MAX_AMOUNT_CENTS:  # a bool is an int too, but no amount
        return jsonify(detail=f"amount_cents must be a whole number from 0 to {MAX_AMOUNT_CENTS}"), 422
    return jsonify(transaction_id=process_transaction(amount)), 201


@app.get("/healthz")
def healthz() -> Response:
    """Say that the process is alive."""
    return jsonify(status="alive")


@app.get("/readyz")
def readyz() -> Response:
    """Say that the service takes requests."""
    return jsonify(status="ready")
