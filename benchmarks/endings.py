"""What arrives when Uvicorn is stopped: the generated service, and the same service under `opentelemetry-instrument`.

`python -m benchmarks.endings` prints the table of benchmarks/README.md.
"""

import signal
import tempfile
from pathlib import Path

from tests.harness.receiver import Receiver

from .load import post
from .variants import PACKAGE, Transport, Variant, build

REQUESTS = 100
TRANSPORTS: tuple[Transport, ...] = ("grpc", "http")
VARIANTS = ("ours", "zero_code")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
UVICORN = ("uvicorn", f"{PACKAGE}.app:app", "--port", "{port}")
# By name: the command, and how many processes it starts at least.
SERVERS = {"uvicorn": (UVICORN, 1), "uvicorn --workers 2": ((*UVICORN, "--workers", "2"), 3)}
# No batch is sent because time has passed: what arrives was sent because the server stopped.
VARIABLES = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def command(variant: Variant, server: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs a variant under a server."""
    if variant.name == "zero_code":
        return "opentelemetry-instrument", str(variant.project / ".venv" / "bin" / server[0]), *server[1:]
    return server


def arrived(variant: Variant, server: str, by: signal.Signals, transport: Transport) -> int:
    """Send the requests, stop the server, and return how many spans `process_transaction` have arrived."""
    arguments, processes = SERVERS[server]
    run = Variant(variant.name, variant.project, variant.spans, command(variant, arguments), variant.variables)
    with Receiver(transport) as receiver, run.service(receiver, **VARIABLES) as service:
        service.wait_until_quiet(processes)
        post(service.port, REQUESTS)
        service.stop(by)
        return sum(span.name == "process_transaction" for span in receiver.spans)


def main() -> None:
    """Measure, and print a row for each server, signal and variant; two figures are gRPC and HTTP."""
    figures: dict[tuple[str, signal.Signals, str], list[str]] = {}
    for transport in TRANSPORTS:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            variants = build(Path(folder), transport)
            for server in SERVERS:
                for by in SIGNALS:
                    for name in VARIANTS:
                        count = arrived(variants[name], server, by, transport)
                        figures.setdefault((server, by, name), []).append(str(count))
    print(f"| server | signal | {' | '.join(VARIANTS)} |")
    print("|---|---|---|---|")
    for server in SERVERS:
        for by in SIGNALS:
            cells = [", ".join(figures[server, by, name]) for name in VARIANTS]
            print(f"| `{server}` | {by.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
