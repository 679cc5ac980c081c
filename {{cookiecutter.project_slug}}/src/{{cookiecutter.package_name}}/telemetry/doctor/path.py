"""The proof of the path: one marked span, metric and log record, each by its own endpoint, and what came of them."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from .. import resource
from ..settings import protocol
from ..start_line import SIGNALS, variable
from . import otlp
from .findings import Check, finding, note
from .wire import Answer, Route, Seen, look

NAME = "doctor"  # of the span, the metric and the log record, so that they can be told from real ones
LONGEST = 7.0  # seconds that an answer is waited for, however long the service would
SPARE = 3.5  # seconds for what comes before and after
LOOKS = 4.0  # seconds that a look may take beyond that
SOON = 2.0  # seconds after which it is worth looking what keeps it
USUAL = protocol.DEFAULT_ENDPOINT.rpartition(":")[2]
WORDS = {"traces": "span", "metrics": "metric", "logs": "log record"}

Result = tuple[str, str, Mapping[str, object]]  # level, key, facts

# What a receiver says about itself; everything else may have happened on the way to it.
ANSWERS = {"UNAUTHENTICATED": "unauthenticated", "401": "unauthenticated"}
ANSWERS |= {"PERMISSION_DENIED": "forbidden", "403": "forbidden", "UNIMPLEMENTED": "no-service"}
ANSWERS |= {"404": "no-path", "405": "no-path", "413": "too-large", "429": "try-later", "503": "try-later"}
ANSWERS |= {"502": "try-later", "504": "try-later", "RESOURCE_EXHAUSTED": "try-later", "page": "not-otlp"}
UNCLEAR = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "CANCELLED", "timeout", "connection", "400"}
LATE = {"DEADLINE_EXCEEDED", "timeout"}


class _Look(threading.Thread):
    """Looks at a route while the exporter waits for it."""

    def __init__(self, way: Route) -> None:
        super().__init__(daemon=True)
        self.way, self.resolved = way, threading.Event()
        self.seen: Seen | None = None
        self.start()

    def run(self) -> None:
        self.seen = look(self.way, self.resolved)

    def result(self, end: float) -> Seen:
        """Return what is seen until then."""
        self.join(max(0.1, end - time.monotonic()))
        if self.seen is None and not self.resolved.is_set():
            return Seen("unresolved", "the DNS does not answer")
        return self.seen or Seen("unfinished", "it answers too slowly")


class Path:
    """Examines the signals that are on, at the same time."""

    def __init__(self, end: float) -> None:
        """Stop at a time of the monotonic clock."""
        self.end = end
        self.on = [signal for signal in SIGNALS if "otlp" in os.environ[f"OTEL_{signal.upper()}_EXPORTER"].lower()]
        self.results: dict[str, Result] = {}
        self._timeouts = {signal: variable(signal, "TIMEOUT") for signal in self.on}
        self._limits = {signal: os.environ[name] for signal, name in self._timeouts.items()}
        longest = max(1.0, min(LONGEST, end - time.monotonic() - SPARE))
        self._seconds = {signal: min(float(limit), longest) for signal, limit in self._limits.items()}
        self._looks: dict[Route, _Look] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._examine, args=(signal,), daemon=True) for signal in self.on]

    def begin(self) -> None:
        """Start."""
        for signal in self.on:  # the exporter itself must not wait for longer
            os.environ[f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT"] = f"{self._seconds[signal]:.2g}"
        self._items, self._span = items(resource.build(), self.on)
        for thread in self._threads:
            thread.start()

    def checks(self) -> list[Check]:
        """Wait, and return one check for each thing that was found, with the signals that it was found for."""
        for thread in self._threads:
            thread.join(max(0.0, self.end - time.monotonic()))
        found: dict[Check, list[str]] = {}
        for signal in self.on:
            level, key, facts = self.results.get(signal) or self._unfinished(signal)
            found.setdefault(_check(level, key, facts), []).append(signal)
        return [_together(check, signals) for check, signals in found.items()]

    def _unfinished(self, signal: str) -> Result:
        facts = self._facts(signal) | {"detail": "the doctor's time is over"}
        if started := self._looks.get(otlp.route(signal)):  # the exporter has not ended, but it was seen why
            seen = started.result(0)
            return "finding", "slow" if seen.key == "speaks" else seen.key, facts | {"detail": seen.detail}
        return "finding", "unfinished", facts

    def _facts(self, signal: str) -> dict[str, object]:
        way = otlp.route(signal)
        endpoint, ca, headers = (variable(signal, name) for name in ("ENDPOINT", "CERTIFICATE", "HEADERS"))
        certificate, key = (variable(signal, f"CLIENT_{half}") for half in ("CERTIFICATE", "KEY"))
        host = f"[{way.host}]" if ":" in way.host else way.host
        where = f"{host}:{way.port}" if way.host else os.environ[endpoint]
        facts: dict[str, object] = {
            "address": where,
            "host": way.host,
            "endpoint": endpoint,
            "ca": ca,
            "headers": headers,
        }
        waited = {
            "timeout": self._timeouts[signal],
            "limit": self._limits[signal],
            "seconds": f"{self._seconds[signal]:g}",
        }
        return facts | waited | {"certificate": certificate, "key": key, "usual": USUAL}

    def _look(self, way: Route) -> _Look:
        with self._lock:
            if way not in self._looks:
                self._looks[way] = _Look(way)
            return self._looks[way]

    def _examine(self, signal: str) -> None:
        answers: list[Answer] = []

        def send() -> None:
            try:
                answers.append(otlp.send(signal, self._items[signal], self._span, self._seconds[signal]))
            except Exception as error:  # noqa: BLE001, whatever an exporter raises is the finding
                answers.append(Answer("exporter", f"{type(error).__name__}: {error}"))

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        thread.join(SOON)
        if thread.is_alive() and otlp.route(signal).host:
            self._look(otlp.route(signal))
        thread.join(self._seconds[signal] + 0.5)
        answer = answers[0] if answers else Answer("timeout")
        self.results[signal] = self._judge(signal, answer)

    def _judge(self, signal: str, answer: Answer) -> Result:
        facts = self._facts(signal)
        proxy, through = otlp.proxy(signal)
        facts |= {"code": answer.sent or answer.code, "detail": answer.detail, "retry": answer.retry}
        if not answer.code:
            if answer.rejected or answer.detail:
                facts |= {"rejected": answer.rejected, "sent": "1"}
                return ("finding", "partial-success", facts) if answer.rejected else ("note", "receiver-says", facts)
            if proxy:
                return "note", "through-proxy", {"proxy": proxy, "detail": through}
            return "ok", "arrived", facts
        if proxy and (
            answer.code in UNCLEAR | {"407"} or (answer.code[0] in "45" and not otlp.route(signal).tls)
        ):
            words = " ".join(filter(None, (answer.code, answer.detail)))
            return "finding", "proxy", facts | {"proxy": proxy, "detail": f"{through} ({words})"}
        if answer.code in ("exporter", "page"):
            return "finding", ANSWERS.get(answer.code, "exporter"), facts
        if answer.code[0] == "3":
            return "finding", "redirect", facts
        if answer.retry:
            return "finding", "try-later", facts
        if answer.code in UNCLEAR:
            return self._unclear(signal, answer, facts)
        if answer.code == "RESOURCE_EXHAUSTED" and "larger than" in answer.detail:
            return "finding", "too-large", facts
        return "finding", ANSWERS.get(answer.code, "refused"), facts

    def _unclear(self, signal: str, answer: Answer, facts: dict[str, object]) -> Result:
        way = otlp.route(signal)
        if not way.host:
            key = "nothing-listens" if answer.code == "UNAVAILABLE" else "broken"
            return "finding", "silent" if answer.code in LATE else key, facts
        seen = self._look(way).result(time.monotonic() + LOOKS)
        if seen.key != "speaks":
            return "finding", seen.key, facts | {"detail": seen.detail or answer.detail}
        if answer.code in LATE:
            return "finding", "slow", facts
        refused = "try-later" if answer.code == "UNAVAILABLE" else "broken"
        return (
            "finding",
            "refused" if answer.code.isdecimal() or answer.code in ("UNKNOWN", "INTERNAL") else refused,
            facts,
        )


def _check(level: str, key: str, facts: Mapping[str, object]) -> Check:
    """Return the check of any signal: those that are equal become one."""
    if level == "ok":
        return Check("", "ok", key, "{items} " + f"arrived at {facts['address']}, as {facts['endpoint']} says")
    return (finding if level == "finding" else note)("", key, **{**facts, "signals": "{signals}"})


def _together(check: Check, signals: list[str]) -> Check:
    names, sent = " and ".join(signals), ", ".join(f"a {WORDS[signal]}" for signal in signals)
    says, fix = (text.replace("{signals}", names).replace("{items}", sent) for text in (check.says, check.fix))
    return replace(check, about=", ".join(signals), says=says, fix=fix)


def items(who: Resource, on: list[str]) -> tuple[dict[str, Any], Any]:
    """Return what the exporters are given, and the span alone; no provider is installed, and no sampler asked."""
    spans, points, records = InMemorySpanExporter(), InMemoryMetricReader(), InMemoryLogRecordExporter()
    tracer_provider = TracerProvider(ALWAYS_ON, who, shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer_provider.get_tracer(NAME).start_span(NAME).end()
    if "metrics" in on:
        MeterProvider([points], who, shutdown_on_exit=False).get_meter(NAME).create_counter(NAME).add(1)
    if "logs" in on:
        logger_provider = LoggerProvider(who, shutdown_on_exit=False)
        logger_provider.add_log_record_processor(SimpleLogRecordProcessor(records))
        now = time.time_ns()
        record = LogRecord(timestamp=now, observed_timestamp=now, severity_number=SeverityNumber.INFO, body=NAME)
        logger_provider.get_logger(NAME).emit(record)
    span = spans.get_finished_spans()
    made = {
        "traces": span,
        "metrics": points.get_metrics_data() if "metrics" in on else None,
        "logs": records.get_finished_logs(),
    }
    return made, span
