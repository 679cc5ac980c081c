"""Carries a trace through the queue: from whoever sends a task into the task itself."""

from typing import Any

from celery.signals import before_task_publish, task_failure, task_postrun, task_prerun
from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

tracer = trace.get_tracer(__name__)


def trace_tasks() -> None:
    """Connect the functions below to Celery's signals; a second call changes nothing."""
    before_task_publish.connect(hand_over)
    task_prerun.connect(begin)
    task_failure.connect(fail)
    task_postrun.connect(end)


def hand_over(headers: dict[str, Any], **_: Any) -> None:
    """Write the sender's trace context and baggage into the message's headers."""
    propagate.inject(headers)


def begin(task: Any, **_: Any) -> None:
    """Start the task's span, with the sender's context as its parent, and make it current."""
    carrier = {name: value for name, value in vars(task.request).items() if isinstance(value, str)}
    parent = propagate.extract(carrier)
    span = tracer.start_span(f"run {task.name}", parent, SpanKind.CONSUMER)
    task.request.span = span
    task.request.span_token = context.attach(trace.set_span_in_context(span, parent))


def fail(sender: Any, exception: BaseException, **_: Any) -> None:
    """Show on the task's span why the task failed."""
    sender.request.span.record_exception(exception)
    sender.request.span.set_status(Status(StatusCode.ERROR, str(exception)))


def end(task: Any, **_: Any) -> None:
    """End the task's span."""
    context.detach(task.request.span_token)
    task.request.span.end()
