"""The web application. Your routes go here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocketDisconnect
from pydantic import BaseModel, Field
from starlette.types import Scope

from . import telemetry
from .transactions import MAX_AMOUNT_CENTS, process_transaction

# The platform calls these every few seconds. Their traces would outnumber those of users.
UNTRACED = frozenset({"/healthz", "/readyz"})


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Start telemetry in the process that serves requests. Drain it before the process ends.

    Not in main(), because a server may fork or start new processes. Not with atexit, because
    Uvicorn re-raises SIGTERM when it stops, and atexit handlers then never run.
    """
    telemetry.configure()
    try:
        yield
    finally:
        await asyncio.to_thread(telemetry.shutdown)


def is_untraced(scope: Scope) -> bool:
    """Return whether FastAPI leaves this request out of traces, metrics and logs."""
    return scope["path"] in UNTRACED


app = FastAPI(
    title="{{ cookiecutter.project_slug }}",
    lifespan=lifespan,
    telemetry={
        "exclude": is_untraced,
        # One span per request. Spans for each step inside FastAPI are 40 % of the cost.
        "operation_spans": False,
        # RecordExceptions below logs exceptions, with their ids.
        "logs": False,
        # FastAPI's own exporters would send everything a second time.
        "auto_configure": False,
    },
)
# A client that closes its websocket is no fault of the service.
app.add_middleware(telemetry.RecordExceptions, expected=(WebSocketDisconnect,))


class Transaction(BaseModel):
    """The body of a request. FastAPI answers anything else with 422."""

    amount_cents: int = Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)


class Receipt(BaseModel):
    """The body of the response."""

    transaction_id: str


@app.post("/transactions", status_code=201)
async def create_transaction(transaction: Transaction) -> Receipt:
    """Process a transaction."""
    return Receipt(transaction_id=process_transaction(transaction.amount_cents))


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process is alive."""
    return {"status": "alive"}


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Report that the service accepts requests."""
    return {"status": "ready"}
