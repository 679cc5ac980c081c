"""`python -m benchmarks.collector`: what one core of an agent and of a gateway carries, configured as shipped.

Sends spans by the thousand through a real pipeline on loopback, reads what each process has used, prints the figures
and what follows from them for 10,000 service instances; `--write` puts both into docs/scaling.md.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tests.collector.build import RELEASE, collector
from tests.collector.processes import Collector, Pipeline
from tests.collector.spans import Sender, request, span
from tests.harness.service import TEMPLATE, render
from tests.harness.waiting import wait_until

from .load import cpu_seconds, resident_mb

DOCUMENT = TEMPLATE / "docs" / "scaling.md"
BEGIN, END = "<!-- measured: python -m benchmarks.collector --write -->", "<!-- measured -->"
BATCHES = (20, 512)  # spans a request: a service with ten requests a second, and a busy one
SPANS_A_TRACE = 2
SIZES = (500, 1_000, 2_000, 8_000, 60_000)  # bytes a span
REQUEST_BYTES = 1_000_000  # what the requests of large spans come to

MANY = 64  # gateways
INSTANCES = 10_000
RATES = {2: 1, 20: 4, 200: 16}  # spans a second of one instance, and the cores given to each gateway
QUEUE_BYTES = 600_000_000  # queue_size of agent.yaml
ON_A_NODE = 20  # instances that share an agent
DECISION_SECONDS = 10  # DECISION_WAIT of gateway.yaml
HEADROOM = 0.6  # of a core, at which the gateways' autoscaler adds another
HEAD = (
    "spans/s an instance",
    "spans/s in all",
    "gateways, of so many cores",
    "traces that wait in each",
    "their memory",
    f"an agent with {ON_A_NODE} instances needs",
    "and holds an outage of",
)


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    agent: dict[int, float]  # spans a second and core, by spans a request
    gateway: dict[int, float]
    gateway_of_many: float
    sizes: dict[int, tuple[float, float]]  # spans a second and core of agent and gateways, by bytes a span
    trace_bytes: float  # of a gateway's memory, for a trace that waits
    queue_bytes: float  # of an agent's queue, for a span that waits
    disk_bytes: float  # of an agent's disk, for a byte of its queue
    agent_mb: float
    gateway_mb: float


class Load:
    """Sends requests from two threads, each request with trace ids of its own, until so many spans are sent."""

    def __init__(self, address: str, spans: int, size: int = 0) -> None:
        """Prepare one request of so many spans, as large as `size`, in which the trace ids are to be replaced."""
        self._address, self._spans = address, spans
        self._ids = [os.urandom(16) for _ in range(spans // SPANS_A_TRACE)]
        made = []
        for trace in self._ids:
            root = span(trace, size=size)
            made += [root, *(span(trace, root.span_id, size=size) for _ in range(SPANS_A_TRACE - 1))]
        self._payload = request(made)

    def send(self, total: int) -> int:
        """Send at least so many spans; return how many."""
        rounds = ceil(total / self._spans / 2)
        threads = [threading.Thread(target=self._send, args=(rounds,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 2 * rounds * self._spans

    def _send(self, rounds: int) -> None:
        with Sender(self._address) as sender:
            for _ in range(rounds):
                payload = self._payload
                for trace in self._ids:
                    payload = payload.replace(trace, os.urandom(16))
                sender.send(payload)


@contextmanager
def running(addresses: int = 1, **gateway: str) -> Iterator[Pipeline]:
    """Run a pipeline in a folder that is removed; several addresses of a gateway stand for more gateways.

    A batch is split among all addresses, and what is sent to one of them gets smaller. Zeros before a port make another
    address of the same place.
    """
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        configurations = render(Path(folder), directory="pipeline") / "collector"
        pipeline = Pipeline(collector(), configurations, Path(folder), **gateway)
        peers = [
            one.variables["PEERS_ADDRESS"].replace(":", f":{'0' * zeros}")
            for one in pipeline.gateways
            for zeros in range(addresses)
        ]
        for one in pipeline.gateways:
            one.variables["PEERS"] = json.dumps({"static": {"hostnames": peers}})
        with pipeline:
            yield pipeline


def settle(collectors: list[Collector], name: str, total: float) -> None:
    """Wait until a counter of all these Collectors has reached a sum; raise TimeoutError after two minutes."""

    def reached() -> float:
        return sum(one.scrape().get(name, 0) for one in collectors)

    wait_until(lambda: reached() >= total, f"{name} to reach {total:.0f}", 120, 0.2, seen=reached)


def split(total: int) -> float:
    """Return spans a CPU second of a gateway among MANY."""
    with running(addresses=MANY // 2) as pipeline:
        load = Load(f"127.0.0.1:{pipeline.grpc}", BATCHES[0])
        sent = load.send(total // 4)
        settle([pipeline.agent], "otelcol_exporter_sent_spans", sent)
        before = sum(cpu_seconds(one.pid) for one in pipeline.gateways)
        count = load.send(total)
        settle([pipeline.agent], "otelcol_exporter_sent_spans", sent + count)
        time.sleep(DECISION_SECONDS + 5)
        return count / (sum(cpu_seconds(one.pid) for one in pipeline.gateways) - before)


def throughput(total: int) -> tuple[dict[int, float], dict[int, float], float, float]:
    """Return spans a CPU second of agent and gateways, by spans a request, and what both hold in RAM after it."""
    agents, gateways = {}, {}
    with running() as pipeline:
        sent = Load(f"127.0.0.1:{pipeline.grpc}", 512).send(total // 4)  # warm
        settle([pipeline.agent], "otelcol_exporter_sent_spans", sent)
        for batch in BATCHES:
            before = [cpu_seconds(one.pid) for one in (pipeline.agent, *pipeline.gateways)]
            count = Load(f"127.0.0.1:{pipeline.grpc}", batch).send(total)
            sent += count
            settle([pipeline.agent], "otelcol_exporter_sent_spans", sent)
            time.sleep(DECISION_SECONDS + 5)  # the gateways decide, and send what they keep
            used = [
                cpu_seconds(one.pid) - was
                for one, was in zip((pipeline.agent, *pipeline.gateways), before, strict=True)
            ]
            agents[batch] = count / used[0]
            gateways[batch] = count / sum(used[1:])
        return agents, gateways, resident_mb(pipeline.agent.pid), max(resident_mb(one.pid) for one in pipeline.gateways)


def by_size(total: int) -> dict[int, tuple[float, float]]:
    """Return spans a CPU second of agent and gateways, by bytes a span; for each size so many bytes are sent."""
    found = {}
    with running(DECISION_WAIT="2s") as pipeline:
        sent = 0
        for size in SIZES:
            spans = min(BATCHES[1], REQUEST_BYTES // size // SPANS_A_TRACE * SPANS_A_TRACE)
            load = Load(f"127.0.0.1:{pipeline.grpc}", spans, size)
            sent += load.send(spans)  # warm
            settle([pipeline.agent], "otelcol_exporter_sent_spans", sent)
            time.sleep(5)
            before = [cpu_seconds(one.pid) for one in (pipeline.agent, *pipeline.gateways)]
            count = load.send(total // size)
            sent += count
            settle([pipeline.agent], "otelcol_exporter_sent_spans", sent)  # a span that is lost ends in a TimeoutError
            time.sleep(5)
            after = [cpu_seconds(one.pid) for one in (pipeline.agent, *pipeline.gateways)]
            agent, *gateways = (end - begin for begin, end in zip(before, after, strict=True))
            found[size] = (count / agent, count / sum(gateways))
    return found


def waiting_traces(traces: int) -> float:
    """Return the bytes of a gateway's memory that a trace takes while it waits for its decision."""
    with running(DECISION_WAIT="300s") as pipeline:
        load = Load(f"127.0.0.1:{pipeline.grpc}", 512)
        counter = "otelcol_processor_tail_sampling_new_trace_id_received"
        warm = load.send(4096) / SPANS_A_TRACE
        settle(pipeline.gateways, counter, warm)
        before = sum(resident_mb(one.pid) for one in pipeline.gateways)
        added = load.send(traces * SPANS_A_TRACE) / SPANS_A_TRACE
        settle(pipeline.gateways, counter, warm + added)
        return (sum(resident_mb(one.pid) for one in pipeline.gateways) - before) * 2**20 / added


def waiting_spans(spans: int) -> tuple[float, float]:
    """Return the bytes of an agent's queue that a span takes while no gateway is there, and of disk for each of them."""
    with running() as pipeline:
        for gateway in pipeline.gateways:
            gateway.kill()
        queue = Path(pipeline.agent.variables["QUEUE_DIRECTORY"])
        before = sum(path.stat().st_size for path in queue.iterdir())
        sent = Load(f"127.0.0.1:{pipeline.grpc}", 512).send(spans)
        waiting = pipeline.agent.scrape()["otelcol_exporter_queue_size"]
        disk = sum(path.stat().st_size for path in queue.iterdir()) - before
        return waiting / sent, disk / waiting


def tables(figures: Figures) -> str:
    """Return the figures, and what they mean for many instances, as Markdown."""
    small, large = BATCHES
    many, percent = figures.gateway_of_many, HEADROOM * 100
    queue_spans = QUEUE_BYTES / figures.queue_bytes
    lines = [
        f"Collector {RELEASE}, {os.cpu_count()} shared cores; TLS behind the agent, gzip, "
        + f"{SPANS_A_TRACE} spans a trace, 10 % kept:",
        "",
        "| measured | figure |",
        "|---|---|",
        f"| agent, requests of {small} spans | {figures.agent[small]:,.0f} spans/s a core |",
        f"| agent, requests of {large} spans | {figures.agent[large]:,.0f} spans/s a core |",
        f"| gateways, batches of an agent that gets {small} a request | {figures.gateway[small]:,.0f} spans/s a core |",
        f"| gateways, batches of an agent that gets {large} a request | {figures.gateway[large]:,.0f} spans/s a core |",
        f"| gateways, if they were {MANY} and not 2, {small} a request | {many:,.0f} spans/s a core |",
        f"| a trace that waits in a gateway | {figures.trace_bytes / 1024:,.1f} KiB |",
        f"| a span that waits in an agent's queue | {figures.queue_bytes:,.0f} bytes |",
        f"| disk for each byte in the queue | {figures.disk_bytes:.2f} bytes |",
        f"| memory after the load, agent and gateway | {figures.agent_mb:,.0f} and {figures.gateway_mb:,.0f} MiB |",
        "",
        f"The full queue of an agent, {QUEUE_BYTES / 1e6:,.0f} MB, holds {queue_spans:,.0f} of these spans.",
        "",
        f"Larger spans, in requests of up to {BATCHES[1]} spans or {REQUEST_BYTES / 1e6:.0f} MB:",
        "",
        "| bytes a span | agent, spans/s a core | MB/s a core | gateways, spans/s a core | MB/s a core |",
        "|---|---|---|---|---|",
        *(
            f"| {size:,} | {agent:,.0f} | {agent * size / 1e6:,.0f} | {gateway:,.0f} | {gateway * size / 1e6:,.0f} |"
            for size, (agent, gateway) in figures.sizes.items()
        ),
        "",
        f"Carried on to {INSTANCES:,} instances of a service. A gateway is full at {percent:.0f} % of its cores:",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
    ]
    for rate, cores in RATES.items():
        total, node = INSTANCES * rate, ON_A_NODE * rate
        count = gateways(total, cores, figures)
        waiting = total / SPANS_A_TRACE * DECISION_SECONDS / count
        memory = waiting * figures.trace_bytes / 2**20
        lines.append(
            f"| {rate} | {total:,} | {count} of {cores} | {waiting:,.0f} | {memory:,.0f} MiB | "
            f"{node / figures.agent[small] * 100:.1f} % of a core | {queue_spans / node / 60:,.0f} minutes |"
        )
    return "\n".join(lines)


def gateways(total: float, cores: int, figures: Figures) -> int:
    """Return how many gateways carry so many spans a second, when the cost of a span grows with their number.

    A batch is split among all gateways, so it grows in a straight line between the two numbers that were measured.
    """
    few, many = 1 / figures.gateway[BATCHES[0]], 1 / figures.gateway_of_many
    for count in range(2, 1000):
        cost = few + max(0.0, many - few) * (count - 2) / (MANY - 2)
        if count * cores * HEADROOM >= total * cost:
            return count
    raise ValueError(f"no number of gateways with {cores} cores carries {total:,} spans a second")


def main() -> int:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    parser.add_argument("--spans", type=int, default=400_000, help="how many to send for each figure (400,000)")
    arguments = parser.parse_args()
    if not shutil.which("go"):
        parser.error("Go, which builds the Collector, is not installed")
    agents, few, agent_mb, gateway_mb = throughput(arguments.spans)
    queue_bytes, disk_bytes = waiting_spans(arguments.spans // 4)
    figures = Figures(
        agent=agents,
        gateway=few,
        gateway_of_many=split(arguments.spans),
        sizes=by_size(arguments.spans * SIZES[0] // 4),
        trace_bytes=waiting_traces(arguments.spans // 10),
        queue_bytes=queue_bytes,
        disk_bytes=disk_bytes,
        agent_mb=agent_mb,
        gateway_mb=gateway_mb,
    )
    text = tables(figures)
    print(text)
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
