"""Shows an exception that leaves the application: on its span, and in one log line with its ids.

FastAPI's own telemetry gives the span the exception's type, and nothing else.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from .user_files import SERVICE

log = logging.getLogger(SERVICE)  # it is the service's exception
tracer = trace.get_tracer(__name__)
LOGGED = "logged_by_telemetry"  # an attribute of the exception

# As ASGI defines them.
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class RecordExceptions:
    """ASGI middleware. It lets each exception go on."""

    def __init__(self, app: Application, expected: tuple[type[Exception], ...] = ()):
        """Wrap an application. What is `expected` is no fault, and not recorded."""
        self._app = app
        self._expected = expected
        for server in ("uvicorn.error", "gunicorn.error"):
            logging.getLogger(server).addFilter(_is_not_logged_yet)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; record the exception that leaves it."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if not isinstance(error, self._expected):
                _record(error, scope)
            raise


def _record(error: Exception, scope: Scope) -> None:
    span = trace.get_current_span()
    has_ended = span.get_span_context().is_valid and not span.is_recording()
    if not has_ended:
        _show(error, scope, span)
        return
    # The response is sent, and its span is over: a background task has failed.
    with tracer.start_as_current_span("background task") as task:
        _show(error, scope, task)


def _show(error: Exception, scope: Scope, span: Span) -> None:
    span.record_exception(error)
    kind = type(error).__name__
    span.set_status(Status(StatusCode.ERROR, f"{kind}: {error}"))
    method = scope.get("method", "WebSocket")
    log.error("%s %s failed", method, scope["path"], exc_info=error)
    vars(error)[LOGGED] = True


def _is_not_logged_yet(record: logging.LogRecord) -> bool:
    """Return whether a record of the server is not about an exception that is logged already."""
    if not record.exc_info:
        return True
    _, error, _ = record.exc_info  # None if there was no exception
    return not hasattr(error, LOGGED)
