"""The demonstration: renders the default service, sends it real requests, and prints the traces that arrived."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .receiver import Receiver, Span
from .service import Service, install, render

CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
POST, WORK = "POST /transactions", "process_transaction"

# What is sent, and the spans that must come of it: (what it is, path, amount or None to GET, headers, span names).
REQUESTS: tuple[tuple[str, str, int | None, dict[str, str], list[str]], ...] = (
    ("an ordinary payment", "/transactions", 4999, {}, [POST, WORK]),
    ("one whose trace began in another service", "/transactions?card=4111", 120, CALLER, [POST, WORK]),
    ("one that is refused", "/transactions", -1, {}, [POST]),
    ("a health check, which nobody wants to see", "/healthz", None, {}, []),
)


def tree(spans: Sequence[Span], parent: str | None = None, depth: int = 0) -> Iterator[str]:
    """Yield a line for each span: name, duration, service, attributes; children stand indented below their parent."""
    known = {span.span_id for span in spans}
    for span in sorted(spans, key=lambda span: span.start):
        if span.parent_id == parent if parent else span.parent_id not in known:
            attributes = " ".join(f"{name}={value}" for name, value in sorted(span.attributes.items()))
            name = f"{'  ' * depth}{span.name}"
            if span.parent_id and not parent:
                attributes = f"(parent in another service: {span.parent_id}) {attributes}"
            yield f"{name:<24} {span.duration * 1000:7.2f} ms  {span.resource['service.name']}  {attributes}"
            yield from tree(spans, span.span_id, depth + 1)


def main() -> int:
    """Run the demonstration; return 0 only if exactly the expected spans arrived."""
    with tempfile.TemporaryDirectory(prefix="otel-demo-") as folder:
        print("rendering payment-service ...", flush=True)
        project = render(Path(folder))
        print("installing it: uv sync --no-dev ...", flush=True)
        install(project, "--no-dev")
        with Receiver("grpc") as receiver:
            print(f"starting a receiver at {receiver.endpoint}, then payment-service ...", flush=True)
            with Service(project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
                for what, path, amount, headers, _ in REQUESTS:
                    method, body = ("GET", None) if amount is None else ("POST", {"amount_cents": amount})
                    status, _ = service.request(method, path, body, headers)
                    print(f"  {method} {path}: {what}: {status}", flush=True)
                print(f"stopped by SIGTERM within {service.stop():.1f} s; this had arrived by then:\n")
                said = service.output
            spans = receiver.spans
    for line in tree(spans):
        print(line)
    expected = sorted(name for *_, names in REQUESTS for name in names)
    arrived = sorted(span.name for span in spans)
    if arrived != expected:
        print(f"\nFAILED: expected the spans {expected}, got {arrived}; the service said:\n{said}")
        return 1
    print(f"\n{len(REQUESTS)} requests, {len(spans)} spans expected, {len(spans)} arrived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
