"""The web application: your routes go here."""

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

# The platform asks these every few seconds; traced, they would drown what users do. Patterns of URLs, joined by commas.
UNTRACED = r"^https?://[^/?]*/(healthz|readyz)(\?|$)"
for variable in ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"):
    UNTRACED += f",{os.environ[variable]}" if os.environ.get(variable) else ""


def name_without_route(span: Span, _: dict[str, Any]) -> None:
    """Name a request that no route has by its method alone: paths would make a new name for each."""
    if request.url_rule is None:
        span.update_name(sanitize_method(request.method).replace("_OTHER", "HTTP"))


app = Flask(__name__)
FlaskInstrumentor().instrument_app(app, request_hook=name_without_route, excluded_urls=UNTRACED)
instrumented = app.wsgi_app


def configured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Configure telemetry before the first request; gunicorn.conf.py has done so earlier, in each worker."""
    telemetry.configure()
    return instrumented(environ, start_response)


app.wsgi_app = configured  # type: ignore[method-assign]  # Flask's own way to put something around the application


@app.post("/transactions")
def create_transaction() -> ResponseReturnValue:
    """Process a transaction; anything but a whole number of cents is answered with 422."""
    body = request.get_json(silent=True)
    amount = body.get("amount_cents") if isinstance(body, dict) else None
    if not is_amount(amount):
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
