"""Carries a trace through the queue: from whoever sends a task into the task itself; tasks.py lets Celery call it."""

import sys
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import SpanKind, Status, StatusCode

tracer = trace.get_tracer(__name__)


def trace_tasks(signals: Any) -> None:
    """Connect Celery's signals, so that a task continues the trace of its sender.

    Call it after configure() is connected to task_prerun: Celery calls receivers in that order.
    """
    signals.before_task_publish.connect(hand_over)
    signals.task_prerun.connect(begin)
    signals.task_postrun.connect(end)


def hand_over(headers: dict[str, Any], **_: Any) -> None:
    """Write the sender's trace context and baggage into the headers of the message, when a task is sent."""
    propagate.inject(headers)


def begin(task: Any, **_: Any) -> None:
    """Start the task's span, with the sender's context as its parent, and make it current."""
    # A propagator expects what a header can hold, and may raise on anything else.
    texts = {name: value for name, value in vars(task.request).items() if isinstance(value, str)}
    carrier = {name: value for name, value in texts.items() if value.isprintable()}
    # A task that is run in place (eager, apply) has crossed no queue, and belongs to what runs it.
    parent = propagate.extract(carrier, context.get_current() if task.request.is_eager else context.Context())
    attributes = {
        messaging.MESSAGING_SYSTEM: "celery",
        messaging.MESSAGING_OPERATION_NAME: "run",
        messaging.MESSAGING_OPERATION_TYPE: "process",
        messaging.MESSAGING_MESSAGE_ID: _printable(task.request.id),
    }
    if queue := (task.request.delivery_info or {}).get("routing_key"):
        attributes[messaging.MESSAGING_DESTINATION_NAME] = _printable(queue)
    span = tracer.start_span(f"run {task.name}", parent, SpanKind.CONSUMER, attributes)
    task.request.span = span
    task.request.span_token = context.attach(trace.set_span_in_context(span, parent))


def end(task: Any, retval: Any, state: str | None, **_: Any) -> None:
    """End the task's span; show on it why the task failed, or is tried again."""
    span = task.request.span
    # Without a state the task was left by what is no Exception, such as SystemExit.
    error = {"FAILURE": retval, "RETRY": getattr(retval, "exc", None), None: sys.exception()}.get(state)
    if isinstance(error, BaseException):
        span.record_exception(error)
        span.set_attribute(ERROR_TYPE, type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR, str(error)))
    context.detach(task.request.span_token)
    span.end()


def _printable(value: object) -> str:
    # A lone surrogate cannot be encoded, and would cost its whole batch.
    return value if isinstance(value, str) and value.isprintable() else ascii(value)
