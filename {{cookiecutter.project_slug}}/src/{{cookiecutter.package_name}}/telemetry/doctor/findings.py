"""Every fault that the doctor knows: what it says, and what to change. docs/troubleshooting.md is written from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "finding"]

# Key: (the sentence, the fix). The keys are stable: `--json` has them. What stands in braces is known when it is said.
PATH = {
    "unresolved": (
        "the host name of {address} does not resolve: {detail}",
        "correct the host in {endpoint}, or the DNS that this machine asks",
    ),
    "nothing-listens": (
        "nothing listens at {address}: the connection is refused",
        "start the collector there, or correct host and port in {endpoint}",
    ),
    "unreachable": (
        "{address} cannot be reached: {detail}",
        "open the way to it (route, firewall, network policy), or correct host and port in {endpoint}",
    ),
    "black-hole": (
        "{address} takes connections and never says a word of OTLP: no answer within {seconds} s ({timeout} is {limit})",
        "correct host and port in {endpoint}, or wake up what listens there",
    ),
    "slow": (
        "{address} is an OTLP receiver, but a slow one: no answer within {seconds} s ({timeout} is {limit})",
        "find out what keeps the collector busy, or give it longer by {timeout} (in seconds)",
    ),
    "silent": (
        "{address} takes the request and does not answer within {seconds} s ({timeout} is {limit}): slow, or no OTLP receiver",
        "find out what keeps it busy, correct {endpoint}, or give it longer by {timeout} (in seconds)",
    ),
    "plaintext-to-tls": (
        "{address} speaks TLS, and {endpoint} asks for plaintext",
        "write https:// in {endpoint}; for a private authority set {ca} to its PEM file",
    ),
    "tls-to-plaintext": (
        "{address} speaks plaintext, and {endpoint} asks for TLS (as https://, or over gRPC without http:// before it)",
        "write http:// in {endpoint}, or give the receiver a certificate",
    ),
    "unknown-ca": (
        "the certificate of {address} is signed by an authority that is not trusted here: {detail}",
        "set {ca} to the PEM file of the authority that signed it",
    ),
    "expired": (
        "the certificate of {address} is out of date: {detail}",
        "renew the receiver's certificate; {ca} and {endpoint} need no change",
    ),
    "wrong-host": (
        "the certificate of {address} is for another host: {detail}",
        "write a name in {endpoint} that the certificate has, or have it issued for this one; {ca} needs no change",
    ),
    "bad-certificate": (
        "the certificate of {address} is refused: {detail}",
        "have the receiver's certificate issued anew, or correct {ca}",
    ),
    "no-client-certificate": (
        "{address} asks for a client certificate (mutual TLS), and none is sent",
        "set {certificate} and {key}, over gRPC {ca} too, to PEM files",
    ),
    "wrong-client-certificate": (
        "{address} refuses the client certificate that {certificate} names",
        "set {certificate} and {key} to a pair that the receiver's authority has signed and that is not out of date",
    ),
    "handshake": (
        "{address} ends the TLS handshake: {detail}",
        "look at the receiver's log for its reason; {endpoint}, {ca} and {certificate} decide over it",
    ),
    "http-port": (
        "{address} speaks HTTP/1.1, and this service sends OTLP over gRPC",
        "correct the port in {endpoint}: for gRPC receivers usually have {usual}",
    ),
    "grpc-port": (
        "{address} speaks gRPC, and this service sends OTLP over HTTP",
        "correct the port in {endpoint}: for HTTP receivers usually have {usual}",
    ),
    "unauthenticated": (
        "{address} does not know who is asking ({code}): {detail}",
        "set {headers} to credentials that the receiver takes, such as authorization=Bearer%20...",
    ),
    "forbidden": (
        "{address} knows who is asking, and forbids it ({code}): {detail}",
        "give the credentials in {headers} the right to send {signals}, or use others",
    ),
    "no-path": (
        "{address} has nothing at this path ({code}): {detail}",
        "correct the path in {endpoint}: to the variable for all signals /v1/traces is added, a signal's own is used as it is",
    ),
    "no-service": (
        "{address} speaks gRPC, but has no OTLP service for {signals} ({code}): {detail}",
        "correct {endpoint}, or give that receiver a pipeline for {signals}",
    ),
    "redirect": (
        "{address} sends the data elsewhere ({code} to {detail}), and nobody follows",
        "write in {endpoint} where the receiver really is, scheme included",
    ),
    "try-later": (
        "{address} takes nothing at present ({code}{retry}): {detail}",
        "give the collector more memory, instances or quota; what is sent meanwhile waits, and then is lost",
    ),
    "too-large": (
        "{address} finds the request too large ({code}): {detail}",
        "raise the receiver's limit, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ),
    "partial-success": (
        "{address} rejected {rejected} of {sent} sent, with the words: {detail}",
        "do as the receiver says; the exporter itself never reads it, and counts the data as sent",
    ),
    "not-otlp": (
        "{address} answers {code}, but with a page for people ({detail}): what was sent is lost",
        "correct host, port and path in {endpoint}",
    ),
    "proxy": (
        "{proxy} captures the connection to {address}: it goes through {detail}, and fails there",
        "add {host} to no_proxy, or correct {proxy}",
    ),
    "refused": (
        "{address} refuses the data ({code}): {detail}",
        "look at the receiver's log for its reason; {endpoint} and {headers} decide over it",
    ),
    "broken": (
        "the way to {address} breaks off: {detail}",
        "look at the receiver's log for its reason, or at what stands between, and check {endpoint}",
    ),
    "exporter": (
        "the exporter for {address} cannot start: {detail}",
        "correct the OTEL_EXPORTER_OTLP_ variable that it names, or look at {endpoint}, {ca} and {certificate}",
    ),
    "unfinished": (
        "{address} could not be examined in the time that the doctor takes: {detail}",
        "look whether the machine is overloaded, and check the host in {endpoint}",
    ),
}
SETTINGS = {
    "disabled": (
        "OTEL_SDK_DISABLED is true: this service sends nothing, and no path was tried",
        "leave OTEL_SDK_DISABLED out, or set it to false",
    ),
    "no-exporter": (
        "OTEL_TRACES_EXPORTER is {value}: no span leaves this machine",
        "leave OTEL_TRACES_EXPORTER out, or set it to otlp",
    ),
    "samples-nothing": (
        "OTEL_TRACES_SAMPLER is {sampler} and OTEL_TRACES_SAMPLER_ARG {value}: no trace that begins here is kept",
        "set OTEL_TRACES_SAMPLER to parentbased_always_on, or OTEL_TRACES_SAMPLER_ARG to a share above 0",
    ),
    "propagators-without": (
        "OTEL_PROPAGATORS is {value}, without {missing}: it is lost on the way to the next service",
        "leave OTEL_PROPAGATORS out, or set it to a list with tracecontext and baggage in it",
    ),
}
PROCESS = {
    "zero-code": (
        "opentelemetry-instrument (or an operator's injection) is wrapped around this service: {detail}",
        "start the service without it, and take it out of PYTHONPATH: telemetry/ does all that it does",
    ),
    "auto-configure": (
        "FASTAPI_OTEL_AUTO_CONFIGURE is {value}: FastAPI would set up a second pipeline, and send everything twice",
        "unset FASTAPI_OTEL_AUTO_CONFIGURE; this service sets up its own",
    ),
    "two-fastapi": (
        "opentelemetry-instrumentation-fastapi is installed beside FastAPI {value}, which has its own telemetry",
        "uv remove opentelemetry-instrumentation-fastapi: together they double spans, or silence the stable ones",
    ),
    "companion": (
        "{detail}",
        "uv add the missing distribution in a fitting version, or uv remove {value}",
    ),
    "releases": (
        "OpenTelemetry's packages are of different releases: {detail}",
        "move api, sdk, exporters and contrib together: uv lock --upgrade, then uv sync",
    ),
    "foreign-provider": (
        "{value} has set a provider of {signals} before this service could ({detail}): its telemetry goes another way",
        "take that call out; telemetry.configure() is the one place that sets providers",
    ),
    "before-fork": (
        "importing {value} starts the SDK ({detail}): a server that forks after it loses spans, or hangs",
        "call telemetry.configure() in the process that serves (the lifespan, post_fork, worker_process_init), not at import",
    ),
}
NOTES = {
    "signal-off": "OTEL_{signal}_EXPORTER is {value}: {signals} do not leave this machine",
    "bare-endpoint": "{endpoint} has no scheme, which over gRPC means TLS",
    "through-proxy": "{signals} go through the proxy {detail}, as {proxy} says",
    "unread-variable": "{value} is no variable of OpenTelemetry's, and nothing in this service reads it",
    "receiver-says": "{address} took everything, with the words: {detail}",
    "not-imported": "whether the SDK starts before a fork was not checked: {detail}",
}


# What to do about a bad setting, whose sentence settings.py writes; for any other key GENERAL holds.
FIXES = {
    "misspelt": "rename the variable, or remove it",
    "unread": "remove the variable",
    "timeout": "write seconds: 10, where other languages write 10000",
    "headers": "write name=value, name=value; a space in a value is %20, a comma %2C",
    "file": "mount the file, or correct its path",
    "unused-argument": "set OTEL_TRACES_SAMPLER to parentbased_traceidratio, or remove the argument",
    "secret": "take it out, and give secrets to whoever needs them by a way of their own",
    "underscore": "write service.name, not service_name",
    "unknown-service": "write the name of this service, or leave it out: the code has one",
    "shared-instance": "take it out; the pod's name belongs in k8s.pod.name",
    "no-authority": "set the file of the authority too, for private receivers and public ones alike",
}
GENERAL = "write what is expected, or remove the variable: then the default holds"


@dataclass(frozen=True)
class Check:
    """One line of the report: what was looked at, what came of it and, for a finding, its fix."""

    about: str
    level: Level
    key: str
    says: str
    fix: str = ""


class _Facts(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return f"({name} unknown)"


def finding(about: str, key: str, /, **facts: object) -> Check:
    """Return the finding with this key."""
    says, fix = (PATH | SETTINGS | PROCESS)[key]
    return Check(about, "finding", key, says.format_map(_Facts(facts)), fix.format_map(_Facts(facts)))


def problem(key: str, says: str) -> Check:
    """Return the finding that a bad setting is, in the sentence that the service logs when it starts."""
    return Check("settings", "finding", key, says, FIXES.get(key, GENERAL))


def note(about: str, key: str, /, **facts: object) -> Check:
    """Return what is good to know, and wrong with nothing."""
    return Check(about, "note", key, NOTES[key].format_map(_Facts(facts)))


def status(checks: Sequence[Check]) -> int:
    """Return the exit status: 0, or 1 if there is a finding."""
    return int(any(check.level == "finding" for check in checks))
