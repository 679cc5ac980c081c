"""Sends one item of each signal to its own endpoint, and interprets the result."""

import os
import threading
import time
from dataclasses import replace

from .. import resource
from ..settings import protocol, variables
from ..settings.variables import SIGNALS, variable
from . import otlp, sample
from .choices import sends_otlp
from .findings import Check, finding, note, ok
from .time_limits import EXPORT, PROBE, PROBE_AFTER
from .wire import Answer, Route, Seen, look

# What a receiver says about itself. Other answers may come from something in between.
ANSWERS = {
    "UNAUTHENTICATED": "unauthenticated",
    "401": "unauthenticated",
    "PERMISSION_DENIED": "forbidden",
    "403": "forbidden",
    "UNIMPLEMENTED": "no-service",
    "404": "no-path",
    "405": "no-path",
    "413": "too-large",
    "RESOURCE_EXHAUSTED": "try-later",
    "429": "try-later",
    "502": "try-later",
    "503": "try-later",
    "504": "try-later",
    "page": "not-otlp",
    "exporter": "exporter",
}
LATE = {"DEADLINE_EXCEEDED", "timeout"}
# An exporter gets these for many faults: a probe tells them apart.
UNCLEAR = LATE | {"UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED", "connection", "400"}
USUAL_PORT = protocol.DEFAULT_ENDPOINT.rpartition(":")[2]


class PathCheck:
    """Sends all signals that go to OTLP at the same time."""

    def __init__(self, end: float) -> None:
        """Prepare; the checks end at `end`, a time of the monotonic clock."""
        self._end = end
        left = end - time.monotonic() - PROBE
        seconds = max(1.0, min(EXPORT, left))
        items = sample.make(resource.build())
        probes = Probes()
        self._signals: list[SignalCheck] = []
        for signal in SIGNALS:
            if sends_otlp(signal):
                self._signals.append(SignalCheck(signal, items, seconds, probes))

    def start(self) -> None:
        """Start to send."""
        for signal_check in self._signals:
            signal_check.start()

    def checks(self) -> list[Check]:
        """Wait, and return one check for all signals with the same result."""
        signals: dict[Check, list[str]] = {}
        for signal_check in self._signals:
            check = signal_check.result(self._end)
            signals.setdefault(check, []).append(signal_check.signal)
        found = []
        for check, names in signals.items():
            found.append(replace(check, about=", ".join(names)))
        return found


class SignalCheck(threading.Thread):
    """Sends one signal, and finds out why it does not arrive."""

    def __init__(self, signal: str, items: sample.Sample, longest: float, probes: "Probes") -> None:
        """Limit the exporter's timeout to `longest` seconds."""
        super().__init__(daemon=True)
        self.signal = signal
        self._items = items
        self._probes = probes
        self._route = otlp.route(signal)
        timeout = variable(signal, "TIMEOUT")
        limit = os.environ[timeout]
        self._seconds = min(float(limit), longest)
        self._facts: dict[str, object] = {
            **_address(signal, self._route),
            "timeout": timeout,
            "limit": limit,
            "seconds": f"{self._seconds:g}",
            "usual": USUAL_PORT,
        }
        self._check: Check | None = None
        os.environ[f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT"] = f"{self._seconds:.2g}"

    def run(self) -> None:
        """Send, and interpret the answer."""
        self._check = self._interpret(self._send())

    def result(self, end: float) -> Check:
        """Wait until `end`, and return the check."""
        left = end - time.monotonic()
        self.join(max(0.0, left))
        return self._check or self._unfinished()

    def _send(self) -> Answer:
        answers: list[Answer] = []

        def send() -> None:
            try:
                answers.append(otlp.send(self.signal, self._items, self._seconds))
            except Exception as error:  # noqa: BLE001, whatever an exporter raises is the finding
                answers.append(Answer("exporter", f"{type(error).__name__}: {error}"))

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        sender.join(PROBE_AFTER)
        if sender.is_alive() and self._route.host:
            self._probes.start(self._route)
        sender.join(self._seconds + 0.5)
        return answers[0] if answers else Answer("timeout")

    def _interpret(self, answer: Answer) -> Check:
        if not answer.code:
            return self._accepted(answer)
        proxy, address = otlp.proxy(self.signal)
        if proxy and self._may_be_the_proxys(answer):
            words = f"{answer.code} {answer.detail}".strip()
            return self._finding("proxy", proxy=proxy, detail=f"{address} ({words})")
        if answer.code in UNCLEAR and not answer.retry:
            return self._probed(answer)
        code = answer.sent or answer.code
        return self._finding(
            key_of(answer),
            code=code,
            detail=answer.detail,
            retry=answer.retry,
        )

    def _accepted(self, answer: Answer) -> Check:
        if answer.rejected:
            rejected = str(answer.rejected)
            return self._finding(
                "partial-success", rejected=rejected, sent="1", detail=answer.detail
            )
        if answer.detail:
            address = self._facts["address"]
            return note("", "receiver-says", address=address, detail=answer.detail)
        proxy, through = otlp.proxy(self.signal)
        if proxy:
            return note("", "through-proxy", proxy=proxy, detail=through)
        return ok("", "arrived", **self._facts)

    def _may_be_the_proxys(self, answer: Answer) -> bool:
        """Return whether a proxy may have answered: through TLS it cannot, but to CONNECT."""
        if answer.code in UNCLEAR or answer.code == "407":
            return True
        if self._route.tls:
            return False
        return answer.code.startswith(("4", "5"))

    def _probed(self, answer: Answer) -> Check:
        """Return what a probe finds where the answer leaves the reason open."""
        facts = {"code": answer.code, "detail": answer.detail, "retry": ""}
        if not self._route.host:  # no probe: it is a Unix socket
            return self._finding(key_without_probe(answer.code), **facts)
        probe = self._probes.start(self._route)
        seen = probe.result(time.monotonic() + PROBE)
        if seen.key == "speaks":
            return self._finding(key_of_receiver(answer.code), **facts)
        detail = seen.detail or answer.detail
        return self._finding(seen.key, detail=detail)

    def _unfinished(self) -> Check:
        """Return what a probe has seen by now: the exporter has not ended."""
        probe = self._probes.get(self._route)
        if probe is None:
            return self._finding("unfinished", detail="the doctor's time is over")
        seen = probe.result(time.monotonic())
        key = "slow" if seen.key == "speaks" else seen.key
        return self._finding(key, detail=seen.detail)

    def _finding(self, key: str, **facts: object) -> Check:
        return finding("", key, **{**self._facts, **facts})


def _address(signal: str, route: Route) -> dict[str, object]:
    """Return where a signal goes, and the variables that decide about it."""
    endpoint = variable(signal, "ENDPOINT")
    host = f"[{route.host}]" if ":" in route.host else route.host
    return {
        "address": f"{host}:{route.port}" if route.host else variables.endpoint(signal),
        "host": route.host,
        "endpoint": endpoint,
        "headers": variable(signal, "HEADERS"),
        "ca": variable(signal, "CERTIFICATE"),
        "certificate": variable(signal, "CLIENT_CERTIFICATE"),
        "key": variable(signal, "CLIENT_KEY"),
    }


def key_of(answer: Answer) -> str:
    """Return the key of the finding for an answer that states its reason."""
    if answer.code.startswith("3"):
        return "redirect"
    if answer.retry:
        return "try-later"
    # gRPC has no code of its own for a message that is too large.
    if answer.code == "RESOURCE_EXHAUSTED" and "larger than" in answer.detail:
        return "too-large"
    return ANSWERS.get(answer.code, "refused")


def key_without_probe(code: str) -> str:
    """Return the key of the finding for an unclear answer of an address that has no port."""
    if code in LATE:
        return "silent"
    return "nothing-listens" if code == "UNAVAILABLE" else "broken"


def key_of_receiver(code: str) -> str:
    """Return the key of the finding for an unclear answer of an OTLP receiver."""
    if code in LATE:
        return "slow"
    if code == "UNAVAILABLE":
        return "try-later"
    if code.isdecimal() or code in ("UNKNOWN", "INTERNAL"):
        return "refused"
    return "broken"


class Probe(threading.Thread):
    """Looks what listens at an address, while the exporter waits for it."""

    def __init__(self, route: Route) -> None:
        super().__init__(daemon=True)
        self._route = route
        self._resolved = threading.Event()
        self._seen: Seen | None = None

    def run(self) -> None:
        self._seen = look(self._route, self._resolved)

    def result(self, end: float) -> Seen:
        """Wait until `end`, and return what is seen."""
        left = end - time.monotonic()
        self.join(max(0.1, left))
        if self._seen:
            return self._seen
        if not self._resolved.is_set():
            return Seen("unresolved", "the DNS does not answer")
        return Seen("unfinished", "it answers too slowly")


class Probes:
    """One probe for each route: signals often share theirs."""

    def __init__(self) -> None:
        self._probes: dict[Route, Probe] = {}
        self._lock = threading.Lock()

    def start(self, route: Route) -> Probe:
        """Return the probe of a route, started at the first call."""
        with self._lock:
            if route not in self._probes:
                self._probes[route] = Probe(route)
                self._probes[route].start()
            return self._probes[route]

    def get(self, route: Route) -> Probe | None:
        """Return the probe of a route, if it was started."""
        return self._probes.get(route)
