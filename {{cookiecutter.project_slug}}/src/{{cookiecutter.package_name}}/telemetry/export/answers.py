"""What a receiver answers to a request: it decides whether data is sent again, split or dropped.

The rules are OTLP's own: opentelemetry.io/docs/specs/otlp, "Failures".

An exporter returns only whether it failed. So otlp.py listens to its requests and remembers each
answer, for the thread that asks. The exporter sends in that same thread.
"""

import enum
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..masking import mask

DecodeError: Any = import_module("google.protobuf.message").DecodeError  # it has no types

# How receivers and proxies say that a request is too large, by whatever status.
MENTIONS_SIZE = re.compile(
    r"""
    larger\ than
    | too\ (large|big|long)
    | (?<![.\w])size\b      # not http.request.body.size
    | exceeds\ (the\ )?(max|limit)
    | status:\ 413          # a proxy's answer to gRPC
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Verdict(enum.Enum):
    """What can be done with data after an answer; the values are used as `error.type`."""

    TAKEN = "taken"
    AGAIN = "unavailable"  # the receiver may take it later
    FULL = "queue_full"  # nobody was asked: there is no room to let it wait
    ENDING = "shutdown"  # the receiver may take it later, and the process does not wait any more
    TOO_LARGE = "too_large"  # the receiver may take a part of it
    EXHAUSTED = "exhausted"  # it may take a part of it, or takes nothing from us at present
    REFUSED = "refused"  # the receiver will never take the request
    REJECTED = "rejected"  # it has taken the request without these items ("partial success")
    UNSENT = "not_encodable"  # the exporter could not make a request of it


@dataclass(frozen=True)
class Answer:
    """One answer, in terms that OTLP over gRPC and OTLP over HTTP share."""

    verdict: Verdict
    text: str = ""  # the status and the receiver's reason
    wait_seconds: float = 0.0  # how long the receiver asks us to wait before the next attempt
    rejected: int = 0  # how many items it has left out of a request that it took


def taken(body: bytes) -> Answer:
    """Return the answer to a request that was taken, from the body of its response.

    The responses for all signals have the same fields, so the class for traces reads each.
    """
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:  # the text of a proxy
        return Answer(Verdict.TAKEN)
    return Answer(Verdict.TAKEN, partial.error_message, rejected=partial.rejected_spans)


_this_thread = threading.local()


def remember(answer: Answer) -> None:
    """Keep the answer to the request of this thread; otlp.py calls it for every request."""
    _this_thread.answer = answer


def is_asking() -> bool:
    """Return whether this thread is in ask()."""
    return getattr(_this_thread, "is_asking", False)


def ask(export: Callable[[Any], Any], data: Any) -> Answer:
    """Call an exporter's export(), which waits for the receiver, and return the last answer."""
    _this_thread.answer = None
    _this_thread.is_asking = True
    succeeded = False
    problem = "the exporter could not make a request of it"
    try:
        succeeded = export(data).name == "SUCCESS"
    except Exception as error:  # noqa: BLE001, the gRPC exporter raises whatever its encoder raises
        problem = f"{type(error).__name__}: {error}"
    finally:
        _this_thread.is_asking = False
    answer: Answer | None = _this_thread.answer
    if answer and answer.text:  # it may repeat a secret; lines have only the beginning of it
        answer = replace(answer, text=mask(answer.text))
    if succeeded:
        return answer or Answer(Verdict.TAKEN)
    return answer or Answer(Verdict.UNSENT, problem)
