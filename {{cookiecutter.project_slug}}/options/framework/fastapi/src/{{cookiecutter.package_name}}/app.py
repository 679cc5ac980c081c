"""The web application: your routes go here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.types import Scope

from . import telemetry
from .transactions import MAX_AMOUNT_CENTS, process_transaction

# The platform asks these every few seconds; traced, they would drown what users do.
UNTRACED = frozenset({"/healthz", "/readyz"})


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Start telemetry in the process that serves, and drain it before that process ends.

    Here rather than in main(), because a server may fork or start this process anew; and not by atexit, because
    Uvicorn ends by a signal, which skips it.
    """
    telemetry.configure()
    try:
        yield
    finally:
        await asyncio.to_thread(telemetry.shutdown)


def is_untraced(scope: Scope) -> bool:
    """Tell FastAPI which requests to leave out of traces, metrics and logs."""
    return scope["path"] in UNTRACED


app = FastAPI(
    title="{{ cookiecutter.project_slug }}",
    lifespan=lifespan,
    telemetry={
        "exclude": is_untraced,
        "operation_spans": False,  # a span a request, not one for each step inside FastAPI: 40 % of the cost
        "auto_configure": False,  # a second set of exporters would send everything twice
    },
)


class Transaction(BaseModel):
    """What a client sends; anything else is answered with 422."""

    amount_cents: int = Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)


class Receipt(BaseModel):
    """What a client gets back."""

    transaction_id: str


@app.post("/transactions", status_code=201)
async def create_transaction(transaction: Transaction) -> Receipt:
    """Process a transaction."""
    return Receipt(transaction_id=process_transaction(transaction.amount_cents))


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Say that the service takes requests."""
    return {"status": "ready"}
