"""Data: every fault that the doctor knows, with its sentence and its fix.

docs/troubleshooting.md is generated from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "finding"]

# Key: (sentence, fix). Programs read the keys from `--json`, so a key never changes.
# Names in braces are filled in when the doctor runs.
PATH = {
    "unresolved": (
        "the host name in {address} does not resolve: {detail}",
        "correct the host in {endpoint}, or this machine's DNS",
    ),
    "nothing-listens": (
        "nothing listens at {address}: the connection is refused",
        "start the collector there, or correct host and port in {endpoint}",
    ),
    "unreachable": (
        "{address} cannot be reached: {detail}",
        (
            "allow the connection (route, firewall, network policy),"
            " or correct host and port in {endpoint}"
        ),
    ),
    "black-hole": (
        (
            "{address} accepts connections but sends no OTLP answer within {seconds} s"
            " ({timeout} is {limit})"
        ),
        "correct host and port in {endpoint}, or restart the process that listens there",
    ),
    "slow": (
        (
            "the OTLP receiver at {address} is slow: no answer within {seconds} s"
            " ({timeout} is {limit})"
        ),
        "check the collector's load, or raise {timeout} (in seconds)",
    ),
    "silent": (
        (
            "{address} accepts the request but does not answer within {seconds} s"
            " ({timeout} is {limit}): it is slow, or no OTLP receiver"
        ),
        "check the receiver's load, correct {endpoint}, or raise {timeout} (in seconds)",
    ),
    "plaintext-to-tls": (
        "{address} expects TLS, but {endpoint} selects plaintext",
        "write https:// in {endpoint}; for a private CA set {ca} to its PEM file",
    ),
    "tls-to-plaintext": (
        (
            "{address} expects plaintext, but {endpoint} selects TLS"
            " (by https://, or over gRPC by having no scheme)"
        ),
        "write http:// in {endpoint}, or give the receiver a certificate",
    ),
    "unknown-ca": (
        "this service does not trust the CA that signed the certificate of {address}: {detail}",
        "set {ca} to the PEM file of that CA",
    ),
    "expired": (
        "the certificate of {address} is not valid today: {detail}",
        "renew the receiver's certificate; {ca} and {endpoint} need no change",
    ),
    "wrong-host": (
        "the certificate of {address} is for another host name: {detail}",
        (
            "write a host name of the certificate in {endpoint},"
            " or issue a certificate for this one; {ca} needs no change"
        ),
    ),
    "bad-certificate": (
        "the certificate of {address} does not pass the check: {detail}",
        "replace the receiver's certificate, or correct {ca}",
    ),
    "no-client-certificate": (
        "{address} requires a client certificate (mutual TLS), but the service sends none",
        "set {certificate} and {key} to PEM files; gRPC needs {ca} as well",
    ),
    "wrong-client-certificate": (
        "{address} rejects the client certificate in {certificate}",
        "set {certificate} and {key} to a valid pair that the receiver's CA has signed",
    ),
    "handshake": (
        "{address} ends the TLS handshake: {detail}",
        "read the receiver's log, then check {endpoint}, {ca} and {certificate}",
    ),
    "http-port": (
        "{address} speaks HTTP/1.1, but this service sends OTLP over gRPC",
        "correct the port in {endpoint}: the usual port for OTLP over gRPC is {usual}",
    ),
    "grpc-port": (
        "{address} speaks gRPC, but this service sends OTLP over HTTP",
        "correct the port in {endpoint}: the usual port for OTLP over HTTP is {usual}",
    ),
    "unauthenticated": (
        "{address} does not accept the credentials, or gets none ({code}): {detail}",
        "set {headers} to valid credentials, such as authorization=Bearer%20TOKEN",
    ),
    "forbidden": (
        "{address} does not allow these credentials to send ({code}): {detail}",
        "allow the credentials in {headers} to write telemetry, or use others",
    ),
    "no-path": (
        "{address} has no such path ({code}): {detail}",
        (
            "correct the path in {endpoint}: the exporter adds /v1/traces only to the variable"
            " for all signals"
        ),
    ),
    "no-service": (
        "{address} speaks gRPC but has no OTLP service for this signal ({code}): {detail}",
        "correct {endpoint}, or add a pipeline for this signal to the collector",
    ),
    "redirect": (
        (
            "{address} redirects to another address ({code} to {detail}),"
            " but the exporter does not follow"
        ),
        "write the final address in {endpoint}, scheme included",
    ),
    "try-later": (
        "{address} accepts nothing at present ({code}{retry}): {detail}",
        (
            "give the collector more memory, instances or quota;"
            " the service retries until its queue is full, then drops data"
        ),
    ),
    "too-large": (
        "{address} rejects the request because of its size ({code}): {detail}",
        "raise the receiver's limit, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ),
    "partial-success": (
        "{address} rejected {rejected} of {sent} sent: {detail}",
        "do what the receiver says; the service logs and counts what is rejected",
    ),
    "not-otlp": (
        "{address} answers {code} with a web page ({detail}): it drops the data",
        "correct host, port and path in {endpoint}",
    ),
    "proxy": (
        "{proxy} sends the connection to {address} through {detail}, where it fails",
        "add {host} to no_proxy, or correct {proxy}",
    ),
    "refused": (
        "{address} refuses the data ({code}): {detail}",
        "read the receiver's log, then check {endpoint} and {headers}",
    ),
    "broken": (
        "the connection to {address} breaks: {detail}",
        "check {endpoint}, the receiver's log, and any proxy or load balancer in between",
    ),
    "exporter": (
        "the exporter for {address} cannot start: {detail}",
        (
            "correct the OTEL_EXPORTER_OTLP_* variable that it names,"
            " or check {endpoint}, {ca} and {certificate}"
        ),
    ),
    "unfinished": (
        "the doctor could not check {address} in time: {detail}",
        "check whether this machine is overloaded, and the host in {endpoint}",
    ),
}
SETTINGS = {
    "disabled": (
        "OTEL_SDK_DISABLED is true: this service sends nothing, and the doctor sent nothing",
        "unset OTEL_SDK_DISABLED",
    ),
    "no-exporter": (
        "OTEL_TRACES_EXPORTER is {value}: no span leaves this machine",
        "unset OTEL_TRACES_EXPORTER, or set OTEL_TRACES_EXPORTER=otlp",
    ),
    "samples-nothing": (
        (
            "OTEL_TRACES_SAMPLER is {sampler} and OTEL_TRACES_SAMPLER_ARG {value}:"
            " the service drops every trace that it starts"
        ),
        (
            "set OTEL_TRACES_SAMPLER=parentbased_always_on,"
            " or OTEL_TRACES_SAMPLER_ARG to a number above 0"
        ),
    ),
    "propagators-without": (
        "OTEL_PROPAGATORS is {value}, without {missing}: the next service does not get it",
        "unset OTEL_PROPAGATORS, or set OTEL_PROPAGATORS=tracecontext,baggage",
    ),
}
PROCESS = {
    "zero-code": (
        "opentelemetry-instrument, or the operator's injection, runs in this service: {detail}",
        (
            "start the service without it, and remove it from PYTHONPATH;"
            " telemetry/ does the same work"
        ),
    ),
    "auto-configure": (
        (
            "FASTAPI_OTEL_AUTO_CONFIGURE is {value}:"
            " FastAPI would set up a second pipeline and send everything twice"
        ),
        "unset FASTAPI_OTEL_AUTO_CONFIGURE",
    ),
    "two-fastapi": (
        (
            "opentelemetry-instrumentation-fastapi is installed,"
            " but FastAPI {value} has its own telemetry: together they duplicate or lose spans"
        ),
        "uv remove opentelemetry-instrumentation-fastapi",
    ),
    "companion": (
        "{detail}",
        "uv add '{wanted}', or uv remove {value}",
    ),
    "releases": (
        "OpenTelemetry packages of different releases are installed: {detail}",
        "uv lock --upgrade && uv sync",
    ),
    "foreign-provider": (
        (
            "{value} sets a provider for {signals} before this service does ({detail}):"
            " {signals} go where that provider sends them"
        ),
        "remove that call; only telemetry.configure() sets providers",
    ),
    "before-fork": (
        (
            "importing {value} starts the SDK ({detail}):"
            " a server that forks afterwards loses spans, or hangs"
        ),
        (
            "call telemetry.configure() in the process that serves"
            " (lifespan, post_fork, worker_process_init), not at import"
        ),
    ),
}
NOTES = {
    "signal-off": "{variable} is {value}: {signals} do not leave this machine",
    "bare-endpoint": "{endpoint} has no scheme, which over gRPC means TLS",
    "through-proxy": "sent through the proxy {detail} ({proxy})",
    "unread-variable": "{value} is set, but neither OpenTelemetry nor this service reads it",
    "receiver-says": "{address} accepted everything, and says: {detail}",
    "not-imported": "the doctor could not check whether the SDK starts before a fork: {detail}",
}
OKS = {
    "settings": "every OTEL_* variable is valid",
    "process": "nothing else sets up OpenTelemetry, and its packages fit together",
    "arrived": "arrived at {address} ({endpoint})",
}

# Fixes for invalid settings. settings/ writes the sentence; GENERAL is the fix for other keys.
FIXES = {
    "misspelt": "rename the variable, or unset it",
    "unread": "unset the variable",
    "timeout": "write seconds: 10, where other languages write 10000",
    "headers": "write name=value,name=value; write %20 for a space in a value, %2C for a comma",
    "file": "mount the file, or correct its path",
    "unused-argument": "set OTEL_TRACES_SAMPLER=parentbased_traceidratio, or unset the argument",
    "secret": "remove the secret; pass it in a variable or file that only its reader gets",
    "underscore": "write service.name, not service_name",
    "unknown-service": "write the name of this service, or unset it: the code has a default",
    "shared-instance": "remove it; write the pod's name as k8s.pod.name",
    "no-authority": "set the CA file as well; gRPC needs it for public receivers, too",
}
GENERAL = "write an expected value, or unset the variable to use the default"


@dataclass(frozen=True)
class Check:
    """One line of the report; only a finding has a fix."""

    about: str  # "settings", "process", or the signals
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
    known = _Facts(facts)
    return Check(
        about,
        "finding",
        key,
        says=says.format_map(known),
        fix=fix.format_map(known),
    )


def problem(key: str, says: str) -> Check:
    """Return the finding for an invalid setting, in the words of the service's own ERROR."""
    fix = FIXES.get(key, GENERAL)
    return Check("settings", "finding", key, says, fix)


def note(about: str, key: str, /, **facts: object) -> Check:
    """Return a note: worth knowing, but no fault."""
    says = NOTES[key].format_map(_Facts(facts))
    return Check(about, "note", key, says)


def ok(about: str, key: str, /, **facts: object) -> Check:
    """Return a check without a fault."""
    says = OKS[key].format_map(_Facts(facts))
    return Check(about, "ok", key, says)


def status(checks: Sequence[Check]) -> int:
    """Return the exit status: 1 if there is a finding, otherwise 0."""
    return int(any(check.level == "finding" for check in checks))
