"""A real OTLP endpoint: receives over gRPC or HTTP, keeps what arrived, and fails on demand."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, Self

from .arrivals import Arrivals
from .faults import HEALTHY, Fault
from .records import Attributes, Log, Point, Request, Signal, Span
from .servers import HOST, GrpcServer, HttpServer, SilentServer, Tls

if TYPE_CHECKING:
    from .certificates import Authority, Pair

__all__ = ["Attributes", "Fault", "Log", "Point", "Receiver", "Request", "Signal", "Span"]


class Receiver(Arrivals):
    """Receives OTLP on one port of this machine, the same one from its first start to its last.

    `tls` is the authority that signs its certificate and, with `mutual`, its clients'; `certificate`
    replaces that certificate, for instance by an expired one. A stopped receiver can still be read.
    """

    def __init__(
        self,
        protocol: Literal["grpc", "http"],
        *,
        tls: Authority | None = None,
        certificate: Pair | None = None,
        mutual: bool = False,
    ) -> None:
        """Prepare a receiver without opening anything."""
        if tls is None and (mutual or certificate):
            raise ValueError("mutual TLS and a certificate need an authority")
        super().__init__()
        self.protocol = protocol
        self.port = 0  # any free one
        self._tls = None if tls is None else Tls(certificate or tls.server(), tls.ca if mutual else None)
        self._server: GrpcServer | HttpServer | SilentServer | None = None
        self._switching = threading.RLock()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Listen, unless it does already."""
        with self._switching:
            if self._server is None:
                if self._fault.port == "serving":
                    self._server = (GrpcServer if self.protocol == "grpc" else HttpServer)(self, self.port, self._tls)
                else:
                    self._server = SilentServer(self.port, listening=self._fault.port == "silent")
                self.port = self._server.port

    def stop(self) -> None:
        """Close every socket and end every thread; requests being answered are dropped."""
        with self._switching:
            server, self._server = self._server, None
            if server is not None:
                server.close()

    @property
    def endpoint(self) -> str:
        """Return the URL to export to, without any path."""
        return f"http://{HOST}:{self.port}" if self._tls is None else f"https://localhost:{self.port}"

    @property
    def fault(self) -> Fault | None:
        """Return or change how it fails; a change is complete when the assignment returns."""
        return None if self._fault is HEALTHY else self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        if fault is not None and not fault.possible_over(self.protocol):
            raise ValueError(f"{fault} is impossible over {self.protocol}")
        with self._switching:
            before, self._fault = self._fault, fault or HEALTHY
            if self._server is not None and {before.port, self._fault.port} != {"serving"}:
                self.stop()
                self.start()
