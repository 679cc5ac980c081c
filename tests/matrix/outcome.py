"""A run of one cell, and what is to be known of it afterwards."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from ..harness.receiver import Point, Span
from ..harness.records import latest
from .cells import CELLS, RECYCLE_CHILDREN, TERM, Cell

COUNT = 100  # units of work in each run
LIMIT_SECONDS = 6.0  # from SIGTERM to the end of the last process
Protocol = Literal["grpc", "http"]
PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http")
FAULTS = ("black hole", "refusing", "slow")


@dataclass(frozen=True)
class Run:
    """One cell, ended in one way; with a fault its collector has it from the beginning."""

    protocol: Protocol
    cell: Cell
    ending: str = TERM
    fault: str | None = None

    def __str__(self) -> str:
        """Name it as pytest shall."""
        return "-".join(
            [self.protocol, self.cell.framework, self.cell.name, (self.fault or self.ending).replace(" ", "-")]
        )


RUNS = [Run(protocol, cell, ending) for protocol in PROTOCOLS for cell in CELLS for ending in cell.endings]
FAULTY_RUNS = [Run(protocol, cell, TERM, fault) for protocol in PROTOCOLS for cell in CELLS for fault in FAULTS]


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    run: Run
    spans: list[Span]
    points: list[Point]
    seconds: float  # from the last signal to the end of the last process
    output: str
    attempts: int = 1

    @property
    def traces(self) -> list[int]:
        """The amounts of those traces that are whole: all spans there, each the child of the one before it."""
        known = {(span.trace_id, span.span_id): span for span in self.spans}
        amounts = []
        for span in self.spans:
            if (amount := span.attributes.get("payment.amount_cents")) is not None:
                names, at = [span.name], span
                while parent := known.get((at.trace_id, at.parent_id)):
                    names.insert(0, parent.name)
                    at = parent
                sender = f"{amount + 1:032x}", f"{amount + 1:016x}"  # as publish.py has it
                above = (at.trace_id, at.parent_id) == sender if self.run.cell.needs_redis else not at.parent_id
                if above and tuple(names) == self.run.cell.spans:
                    amounts.append(amount)
        return amounts

    @property
    def delivered(self) -> int:
        """How many units of work arrived as a whole trace."""
        return len(set(self.traces))

    @property
    def duplicates(self) -> int:
        """How many traces arrived for work that was there already, and spans whose id was."""
        ids = {(span.trace_id, span.span_id) for span in self.spans}
        return len(self.traces) - self.delivered + len(self.spans) - len(ids)

    @property
    def others(self) -> int:
        """How many spans belong to no whole trace."""
        return len(self.spans) - len(self.traces) * len(self.run.cell.spans)

    @property
    def problems(self) -> list[str]:
        """What is not as it should be: of the end only, where the collector had a fault."""
        found = [f"{self.seconds:.1f} s to the end"] if self.seconds >= LIMIT_SECONDS else []
        if self.run.fault:
            return found
        if (self.delivered, self.duplicates, self.others) != (COUNT, 0, 0):
            found.append(f"{self.delivered} delivered, {self.duplicates} duplicates, {self.others} others")
        if self.run.cell.is_web and self.requests != COUNT:
            found.append(f"{self.requests} requests counted")
        if self.exported != len(self.spans):
            found.append(f"{self.exported} spans counted as exported")
        if self.run.ending == RECYCLE_CHILDREN:
            if max(self.instances.values(), default=0) > 10 * len(self.run.cell.spans):
                found.append(f"children that outlive their 10 tasks: {self.instances}")
        elif len(self.instances) != (self.output.count("Booting worker with pid") or self.run.cell.workers):
            found.append(f"not an id for each process: {self.instances}")
        return found

    @property
    def exported(self) -> float:
        """How many spans the SDKs of all processes counted as exported."""
        return sum(
            p.value for p in latest(self.points, "otel.sdk.exporter.span.exported") if "error.type" not in p.attributes
        )

    @property
    def requests(self) -> int:
        """How many requests the processes counted."""
        return sum(point.count for point in latest(self.points, "http.server.request.duration"))

    @property
    def instances(self) -> Counter[str]:
        """The processes that sent anything, each with the number of its spans."""
        counts = Counter(span.resource["service.instance.id"] for span in self.spans)
        counts.update({point.resource["service.instance.id"]: 0 for point in self.points})
        return counts
