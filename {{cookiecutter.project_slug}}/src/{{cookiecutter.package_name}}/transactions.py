"""The work of this service: replace it with yours."""

import logging
from uuid import uuid4

from opentelemetry import trace

log = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

# A span attribute is a signed 64-bit integer: a larger one cannot be encoded, and is lost.
MAX_AMOUNT_CENTS = 2**63 - 1


def process_transaction(amount_cents: int) -> str:
    """Record a transaction of 0 to MAX_AMOUNT_CENTS cents and return its id."""
    with tracer.start_as_current_span("process_transaction") as span:
        span.set_attribute("payment.amount_cents", amount_cents)
        transaction_id = str(uuid4())
        log.info("processed transaction %s", transaction_id)
        return transaction_id
