"""Judges the OTEL_* variables before the SDK reads them.

It raises on a bad value, at import or later, or goes on in silence with another. One table checks them all; what is
missing or wrong is replaced in os.environ, so that all that reads it, child processes too, can take it.
"""

import os
import re
from collections.abc import Mapping

from .. import masking
from . import protocol, variables
from .rules import DEFAULTS, RULES

__all__ = ["BESIDE", "DEFAULTS", "RULES", "Problem", "judge", "settle"]

# What no single value shows: the same, with a place for what is known only then.
BESIDE = {
    "misspelt": "spelt {}, nothing reads this name",
    "batch-and-queue": "at most {}",
    "pair": "set together with {}",
    "no-authority": "set together with {}, gRPC ignores it otherwise",
    "unused-argument": "left out, or {} be a traceidratio: no other sampler reads it",
    "secret": "free of secrets, every span carries them",
    "underscore": "written with dots, as {}",
    "unknown-service": "the name of this service",
    "shared-instance": "free of service.instance.id, each process makes its own",
}
_DOTTED = {
    "service_name": "service.name",
    "service_namespace": "service.namespace",
    "service_version": "service.version",
}
_DOTTED |= {"deployment_environment": "deployment.environment.name", "service_instance_id": "service.instance.id"}


def _is_unknown(service: str) -> bool:
    """Tell whether it is the SDK's name for a service that has none."""
    return re.fullmatch("unknown_service(:.*)?", service) is not None


class Problem(str):
    """One sentence about a bad setting; `key` is where docs/troubleshooting.md has it."""

    key = ""


class _Judgement:
    """The variables as they were given, as the SDK shall see them, and what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        mine = {name: value.strip() for name, value in sorted(environ.items()) if name[:5].upper() == "OTEL_"}
        self.given = {name: value for name, value in mine.items() if value}
        self.settled = DEFAULTS | self.given
        self.problems: list[Problem] = []

    def replace(self, key: str, variable: str, expected: str, instead: str = "", got: str = "", rest: str = "") -> None:
        """Say what is wrong, and put something else in its place."""
        self.settled.pop(variable, None)
        if instead:
            self.settled[variable] = instead
        value = self.given[variable]
        if "HEADER" in variable or any(masking.SECRET.fullmatch(item.strip()) for item in value.split(",")):
            got, instead = "a value that is not shown", instead and "what is well-formed in it"
        elif not got:
            got = repr(masking.mask(re.sub(r"(?s)^(\w+://)?.*@", r"\1REDACTED@", value)))
        problem = Problem(f"{variable} must be {expected}, got {got}; using {rest or instead or 'no value'}")
        problem.key = key
        self.problems.append(problem)

    def names(self) -> None:
        """Take out what is misspelt; what is like no name of OpenTelemetry's may be somebody else's."""
        for name in self.given:
            if meant := variables.meant(name):
                self.replace("misspelt", name, BESIDE["misspelt"].format(meant), got="a value that is not shown")

    def values(self) -> None:
        """Judge each value by all rules for its variable; report the first that refuses it."""
        for variable, value in self.given.items():
            if variable not in self.settled:
                continue
            for rule in RULES:
                if rule.is_for(variable) and not rule.accepts(value):
                    instead = rule.salvage(value) or DEFAULTS.get(variable, "")
                    self.replace(rule.key, variable, rule.expected, instead)
                    break

    def batches(self) -> None:
        """Make batches fit their queues: the SDK raises on one that is larger."""
        for processor in ("OTEL_BSP", "OTEL_BLRP"):
            batch, queue = f"{processor}_MAX_EXPORT_BATCH_SIZE", f"{processor}_MAX_QUEUE_SIZE"
            if int(self.settled.get(batch, 512)) > int(self.settled.get(queue, 2048)):
                fitting = str(
                    max(1, int(self.settled.get(queue, 2048)) // 4)
                )  # as large as the queue, it would wait for it
                if self.settled.get(batch) == self.given.get(batch, ""):
                    self.replace("batch-and-queue", batch, BESIDE["batch-and-queue"].format(queue), fitting)
                self.settled[batch] = fitting

    def lengths(self) -> None:
        """Let a general limit hold for spans, too, where the environment gives them none of their own."""
        general, spans = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
        if spans not in self.given and self.settled[general] == self.given.get(general):
            self.settled[spans] = self.settled[general]

    def sampling(self) -> None:
        """Refuse a ratio that no sampler reads: everything would be sampled."""
        name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
        ignored = "traceidratio" not in self.settled[name].lower() and float(self.settled[argument]) != 1
        if ignored and self.settled[argument] == self.given.get(argument):
            self.replace("unused-argument", argument, BESIDE["unused-argument"].format(name), DEFAULTS[argument])

    def certificates(self) -> None:
        """Refuse what gRPC aborts the process over, or ignores; over HTTP a certificate may hold its key."""
        for owner in ("", "TRACES_", "METRICS_", "LOGS_") if protocol.PROTOCOL == "grpc" else ():
            pair = {f"OTEL_EXPORTER_OTLP_{owner}CLIENT_{half}" for half in ("KEY", "CERTIFICATE")}
            authority = f"OTEL_EXPORTER_OTLP_{owner}CERTIFICATE"
            if len(pair & self.settled.keys()) == 1:
                (alone,) = pair & self.settled.keys()
                self.replace("pair", alone, BESIDE["pair"].format((pair - {alone}).pop()))
            elif pair & self.settled.keys() and authority not in self.settled:
                for ignored in sorted(pair):
                    self.replace("no-authority", ignored, BESIDE["no-authority"].format(authority))

    def identity(self) -> None:
        """Take out of the resource what hides the service, mixes its processes up, or is nobody else's business."""
        name, attributes = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"
        if _is_unknown(self.settled.get(name, "")):
            self.replace("unknown-service", name, BESIDE["unknown-service"], rest="the code's")
        kept: list[str] = []
        wrong: dict[str, str] = {}
        for item in filter(str.strip, self.settled.get(attributes, "").split(",")):
            key, _, value = (part.strip() for part in item.partition("="))
            if masking.SECRET.fullmatch(item.strip()):
                wrong["secret"] = ""
                continue
            if key in _DOTTED:
                wrong["underscore"], item = _DOTTED[key], f"{_DOTTED[key]}={value}"
            if _DOTTED.get(key, key) == "service.instance.id":
                wrong["shared-instance"] = ""
            elif _DOTTED.get(key, key) == "service.name" and _is_unknown(value):
                wrong["unknown-service"] = ""
            else:
                kept.append(item)
        for key, dotted in wrong.items():
            self.replace(
                key, attributes, BESIDE[key].format(dotted), ",".join(kept), rest="" if kept else "the code's own"
            )

    def compression(self) -> None:
        """Say "none" by leaving out: the gRPC exporter raises on the word."""
        general = self.settled.pop("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        for signal in ("TRACES", "METRICS", "LOGS"):
            own = f"OTEL_EXPORTER_OTLP_{signal}_COMPRESSION"
            if self.settled.setdefault(own, general).lower() == "none":
                del self.settled[own]


def judge(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the OTEL_* variables as the SDK shall see them, without empty ones, and what is wrong with them."""
    it = _Judgement(environ)
    for step in (it.names, it.values, it.batches, it.lengths, it.sampling):
        step()
    for step in (it.certificates, it.identity, it.compression):
        step()
    return it.settled, it.problems


def settle() -> list[Problem]:
    """Make the environment one that the SDK can take; return what was wrong with it."""
    masking.learn(os.environ)
    settled, problems = judge(os.environ)
    for name in [name for name in os.environ if name[:5].upper() == "OTEL_"]:
        del os.environ[name]
    os.environ.update(settled)
    return problems
