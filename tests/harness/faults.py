"""The ways in which a receiver fails on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import grpc

if TYPE_CHECKING:
    from .records import Signal


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Describes one way to fail; made by its named constructors, `signal=None` meaning all signals.

    Where `holding` is given, only a request fails that holds an item of this name.
    """

    port: Literal["serving", "refusing", "silent"] = "serving"
    signal: Signal | None = None
    seconds: float = 0.0
    code: Any = None
    message: str = ""
    retry_after: float | None = None
    location: str | None = None
    rejected: int = 0
    holding: str = ""

    @classmethod
    def refuse(cls) -> Self:
        """Refuse connections: the open ones are closed and nothing listens on the port."""
        return cls(port="refusing")

    @classmethod
    def black_hole(cls) -> Self:
        """Let connections be made and never answer them; those open before are closed."""
        return cls(port="silent")

    @classmethod
    def delay(cls, seconds: float, *, signal: Signal | None = None) -> Self:
        """Answer after so many seconds, and only then count the data as received."""
        return cls(seconds=seconds, signal=signal)

    @classmethod
    def status(
        cls,
        code: grpc.StatusCode | int,
        *,
        message: str = "",
        retry_after: float | None = None,
        seconds: float = 0.0,
        signal: Signal | None = None,
        holding: str = "",
    ) -> Self:
        """Answer an error: a `grpc.StatusCode`, or an HTTP status of 400 to 599, after so many `seconds`.

        `retry_after`, in seconds, asks the client to wait.
        """
        if code == grpc.StatusCode.OK or (isinstance(code, int) and not 400 <= code <= 599):
            raise ValueError(f"{code!r} is not an error")
        return cls(code=code, message=message, retry_after=retry_after, seconds=seconds, signal=signal, holding=holding)

    @classmethod
    def redirect(cls, location: str, *, signal: Signal | None = None) -> Self:
        """Answer that the resource was found elsewhere (HTTP 302)."""
        return cls(code=302, location=location, signal=signal)

    @classmethod
    def partial_success(cls, rejected: int, message: str, *, signal: Signal | None = None) -> Self:
        """Answer success, but for the last `rejected` items of each request, which are not kept."""
        return cls(rejected=rejected, message=message, signal=signal)

    def possible_over(self, protocol: str) -> bool:
        """Tell whether a server of this protocol can fail so."""
        return self.code is None or isinstance(self.code, int) == (protocol == "http")


HEALTHY = Fault()
