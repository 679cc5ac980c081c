"""What this service does. Replace it with your own code."""

import logging
from typing import TypeGuard
from uuid import uuid4

from opentelemetry import trace

log = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

# A span attribute is a signed 64-bit integer. A larger one cannot be encoded and would be lost.
MAX_AMOUNT_CENTS = 2**63 - 1


def is_amount(value: object) -> TypeGuard[int]:
    """Return whether this is a whole number of cents that can be processed."""
    # Not isinstance(): True and False are instances of int.
    return type(value) is int and 0 <= value <= MAX_AMOUNT_CENTS


def process_transaction(amount_cents: int) -> str:
    """Record a transaction and return its id.

    Raise ValueError if the amount is invalid. The span then has the error.
    """
    with tracer.start_as_current_span("process_transaction") as span:
        if not is_amount(amount_cents):
            expected = f"amount_cents must be a whole number from 0 to {MAX_AMOUNT_CENTS}"
            raise ValueError(f"{expected}, got {amount_cents!r:.50}")
        span.set_attribute("payment.amount_cents", amount_cents)
        transaction_id = str(uuid4())
        log.info("processed transaction %s", transaction_id)
        return transaction_id
