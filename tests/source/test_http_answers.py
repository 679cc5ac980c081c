"""What an answer over HTTP means: by its status, and where that is ambiguous by its words."""

import io
import sys
from typing import Any

import pytest
import requests
from google.rpc.status_pb2 import Status
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from .test_encoding import NAME, load

PROTOBUF = "application/x-protobuf"
TOO_LARGE = Status(code=3, message="http: request body too large").SerializeToString()  # as a Collector says it


class Adapter(BaseAdapter):
    """Answers each request in the same way."""

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        """Take status, type and body of the answer."""
        super().__init__()
        self.answer = (status, kind, body)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the answer, of which nobody has read the body yet."""
        response = requests.Response()
        response.status_code, kind, body = self.answer
        response.headers["content-type"] = kind
        response.reason = "Why"
        response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        response.request = request
        return response

    def close(self) -> None:
        """Hold nothing open."""


@pytest.mark.parametrize(
    ("status", "kind", "body", "verdict", "text"),
    [
        (200, PROTOBUF, b"", "TAKEN", ""),
        (200, "application/json", b"{}", "TAKEN", ""),
        (200, "text/html; charset=utf-8", b"<html>Sign in", "TAKEN", "HTTP 200 with text/html; charset=utf-8, as no"),
        (400, PROTOBUF, TOO_LARGE, "TOO_LARGE", "HTTP 400: Why, http: request body too large"),
        (400, "text/plain", b"the payload exceeds the limit\n", "TOO_LARGE", "HTTP 400: Why, the payload exceeds"),
        (
            400,
            PROTOBUF,
            Status(message="no such tenant").SerializeToString(),
            "REFUSED",
            "HTTP 400: Why, no such tenant",
        ),
        (400, PROTOBUF, b"\xff\xff", "REFUSED", "HTTP 400: Why"),
        (400, "text/html", b"<h1>Request Header Or Cookie Too Large", "REFUSED", "HTTP 400: Why, Request Header"),
        (400, "text/plain", b"invalid: http.request.body.size", "REFUSED", "HTTP 400: Why, invalid"),
        (400, "text/plain", b"-" * 1_000_000, "REFUSED", "HTTP 400: Why, ---"),
        (413, "text/html", b"<h1>Payload</h1>\n<p>No</p>", "TOO_LARGE", "HTTP 413: Why, Payload No"),
        (500, "text/plain", b"\xff", "REFUSED", "HTTP 500: Why, \ufffd"),
        (503, "text/plain", b"the queue has no size left", "AGAIN", "HTTP 503: Why, the queue"),
    ],
)
def test_an_answer_is_read(
    status: int, kind: str, body: bytes, verdict: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a proxy that says 200 is told; 400 is read as a Collector means it; a receiver's words are kept."""
    otlp = load("otlp", monkeypatch, "otlp_protocol/http")
    session = otlp.Session()
    session.mount("http://", Adapter(status, kind, body))

    def export(_: Any) -> Any:
        session.post("http://receiver/v1/traces", data=b"x")
        return type("Result", (), {"name": "SUCCESS"})

    answer = sys.modules[f"{NAME}.export.answers"].ask(export, None)
    assert answer.verdict.name == verdict
    assert len(answer.text) < 20_000
    assert answer.text.startswith(text)
