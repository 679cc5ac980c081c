"""Carries a trace through the queue, from the sender of a task into the task itself.

The sender has a span of kind PRODUCER, and the task one of kind CONSUMER below it. hand_over(),
begin() and end() are receivers of signals: Celery calls them by keyword arguments.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wrapt
from opentelemetry import context, propagate, trace
from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import SpanKind, Status, StatusCode

tracer = trace.get_tracer(__name__)


def trace_tasks(signals: Any) -> None:
    """Connect Celery's signals, so that a task continues the trace of its sender.

    Call it after configure() is connected to task_prerun: Celery calls receivers in that order.
    """
    wrapt.wrap_function_wrapper("celery.app.base", "Celery.send_task", _send)
    signals.before_task_publish.connect(hand_over)
    signals.task_prerun.connect(begin)
    signals.task_postrun.connect(end)


def _send(
    send_task: Callable[..., Any],
    _app: object,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Send a task inside a span. If it cannot be sent, the span has the error."""
    name = args[0] if args else kwargs.get("name")
    attributes = {
        messaging.MESSAGING_SYSTEM: "celery",
        messaging.MESSAGING_OPERATION_NAME: "send",
        messaging.MESSAGING_OPERATION_TYPE: "send",
    }
    with tracer.start_as_current_span(
        f"send {name}",
        kind=SpanKind.PRODUCER,
        attributes=attributes,
    ):
        return send_task(*args, **kwargs)


def hand_over(
    headers: dict[str, Any],
    routing_key: str | None = None,
    **_: Any,
) -> None:
    """Write the sender's trace context and baggage into the headers of a message."""
    span = trace.get_current_span()
    span.set_attribute(messaging.MESSAGING_MESSAGE_ID, _printable(headers.get("id")))
    if routing_key:
        span.set_attribute(messaging.MESSAGING_DESTINATION_NAME, routing_key)
    propagate.inject(headers)


def begin(task: Any, **_: Any) -> None:
    """Start the task's span, a child of the sender's, and make it current."""
    parent = _parent(task.request)
    attributes = {
        messaging.MESSAGING_SYSTEM: "celery",
        messaging.MESSAGING_OPERATION_NAME: "run",
        messaging.MESSAGING_OPERATION_TYPE: "process",
        messaging.MESSAGING_MESSAGE_ID: _printable(task.request.id),
    }
    delivery = task.request.delivery_info or {}
    queue = delivery.get("routing_key")
    if queue:
        attributes[messaging.MESSAGING_DESTINATION_NAME] = _printable(queue)
    span = tracer.start_span(f"run {task.name}", parent, SpanKind.CONSUMER, attributes)
    task.request.span = span
    task.request.span_token = context.attach(trace.set_span_in_context(span, parent))


def end(task: Any, retval: Any, state: str | None, **_: Any) -> None:
    """End the task's span; record on it why the task failed, or runs again."""
    span = task.request.span
    error = _error(retval, state)
    if isinstance(error, BaseException):
        span.record_exception(error)
        span.set_attribute(ERROR_TYPE, type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR, str(error)))
    context.detach(task.request.span_token)
    span.end()


def _parent(request: Any) -> context.Context:
    """Return the sender's context, from the headers of the message."""
    headers = {}
    for name, value in vars(request).items():
        # A propagator may raise on what is no text, or could not be in a header.
        if isinstance(value, str) and value.isprintable():
            headers[name] = value
    if request.is_eager:  # called in place, so it crossed no queue: it belongs to its caller
        return propagate.extract(headers, context.get_current())
    return propagate.extract(headers, context.Context())


def _error(retval: Any, state: str | None) -> object:
    """Return the exception of a task that failed or runs again, or None."""
    if state == "FAILURE":
        return retval
    if state == "RETRY":
        return getattr(retval, "exc", None)
    if state is None:  # something that is no Exception, such as SystemExit, ended the task
        return sys.exception()
    return None


def _printable(value: object) -> str:
    """Return the text, escaped if a batch with it could not be encoded and would be lost."""
    if isinstance(value, str) and value.isprintable():
        return value
    return ascii(value)
