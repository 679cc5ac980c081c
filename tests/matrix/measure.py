"""Runs one cell to one of its endings."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from http.client import HTTPException
from pathlib import Path

from ..harness.ahead import Ahead, started
from ..harness.receiver import Fault, Receiver
from ..harness.redis import Redis
from ..harness.service import Service, uv
from ..harness.waiting import wait_until
from .cells import CTRL_C, INT, OPTIONS, RECYCLE, RELOAD, RETURN, SCALE, WATCHED
from .outcome import COUNT, Outcome, Run
from .turns import Turns

AT_ONCE = 6  # runs; they mostly wait
HERE = Path(__file__).parent
UVICORN_WORKER = "uvicorn-worker>=0.4,<1"  # what a user who chooses that worker installs
SIGNALS = {INT: signal.SIGINT, CTRL_C: signal.SIGINT, RETURN: signal.SIGUSR1}
FAULTS = {"black hole": Fault.black_hole(), "refusing": Fault.refuse(), "slow": Fault.delay(5)}
# Nothing is sent before the end, but what fills a batch: what arrives is the ending's merit.
PATIENT = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
TURNS = Turns()


@contextmanager
def measuring(runs: Iterable[Run], project: Callable[[str, str], Path]) -> Iterator[Ahead[Outcome]]:
    """Install the services of these runs and begin the runs; give a function from a run to its outcome."""
    alike = sorted(runs, key=lambda run: (run.fault or "", run.ending))  # neighbours take about as long as each other

    @cache
    def installed(protocol: str, framework: str) -> Path:
        folder = project(protocol, framework)
        if framework == "fastapi":
            done = uv(folder, "pip", "install", "--quiet", "--python", ".venv", UVICORN_WORKER)
            assert done.returncode == 0, done.stdout
        return folder

    def run(run: Run) -> Outcome:
        return measure_fairly(installed(run.protocol, run.cell.framework), run)

    # First, because an installation takes the time of the processor from the runs that are measured.
    for protocol, framework in sorted({(run.protocol, run.cell.framework) for run in alike}):
        installed(protocol, framework)
    with started(run, AT_ONCE) as outcomes:
        for each in alike:
            outcomes.begin(each)
        yield outcomes


def measure_fairly(project: Path, run: Run) -> Outcome:
    """Measure, up to three times where it is only the time that counts: a busy machine adds to it, and never takes."""
    outcome = measure(project, run)
    while run.fault and outcome.problems and outcome.attempts < 3:
        outcome = replace(measure(project, run), attempts=outcome.attempts + 1)
    return outcome


def measure(project: Path, run: Run, **seeded: str) -> Outcome:
    """Start the cell's service, have it do COUNT units of work, end it, and return what arrived meanwhile."""
    cell = run.cell
    with ExitStack() as stack:
        receiver = Receiver(run.protocol)
        receiver.fault = FAULTS[run.fault] if run.fault else None
        stack.enter_context(receiver)
        redis = stack.enter_context(Redis() if cell.needs_redis else nullcontext())
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "WEB_CONCURRENCY": str(cell.workers)}
        variables |= {"REDIS_URL": redis.url} if redis else {}
        variables |= {} if run.fault else PATIENT
        command = [word.replace("{matrix}", str(HERE)).replace("{count}", str(COUNT)) for word in cell.command]
        command += OPTIONS.get(run.ending, ())
        service = Service(project, *command, ready="/readyz" if cell.is_web else None, **variables | seeded)
        with TURNS.start():
            stack.enter_context(service)
            service.wait_until_quiet(cell.processes)
            if cell.is_web:
                ask(service, run.ending)
            elif redis:
                publish(project, redis)
            wait(service, lambda: service.output.count("processed transaction") >= COUNT, "all work done")
            if run.fault:
                time.sleep(1.2)  # by now an export is under way
            elif (
                run.ending == RECYCLE
            ):  # a worker that has had its requests looks only once a second whether it shall end
                settle(service, cell.processes)
            else:
                service.wait_until_quiet(cell.processes - (run.ending == SCALE))
        with TURNS.end(), closing(service.connect()) as idle:
            if cell.is_web and run.ending in WATCHED:  # as those of a proxy, which stay open
                assert service.request("GET", "/healthz", connection=idle)[0] == 200
            seconds = end(service, run.ending)
        return Outcome(run, receiver.spans, receiver.metrics, seconds, service.output)


def settle(service: Service, processes: int) -> None:
    """Wait until the same processes have been there for a while, and are quiet: none is about to be replaced."""
    before: set[int] = set()
    while before != set(service.processes):
        before = set(service.processes)
        time.sleep(2.5)
    service.wait_until_quiet(processes)


def end(service: Service, ending: str) -> float:
    """Send the signal that ends the service; return the seconds until its last process is gone."""
    began = time.monotonic()
    by = SIGNALS.get(ending, signal.SIGTERM)
    if ending == CTRL_C:
        os.killpg(service.pid, by)
    else:
        service.signal(by)
    wait(service, lambda: not service.processes, "the end of every process")
    return time.monotonic() - began


def wait(service: Service, condition: Callable[[], bool], what: str) -> None:
    """Wait, 60 s at most; an error shows what the service printed."""
    wait_until(condition, what, 60, seen=lambda: service.output)


def publish(project: Path, redis: Redis) -> None:
    """Put COUNT units of work in the queue."""
    script = [str(HERE / "publish.py"), "payment_service", str(COUNT)]
    done = uv(project, "run", "--no-sync", "python", *script, REDIS_URL=redis.url)
    assert done.returncode == 0, done.stdout


def ask(service: Service, ending: str) -> None:
    """Send COUNT requests over four connections at a time; between the halves a managed server is told to change."""
    ask_at_once(service, range(COUNT // 2))
    before = set(service.processes) - {service.pid}
    if ending == RELOAD:
        service.signal(signal.SIGHUP)
    elif ending == SCALE:
        service.signal(signal.SIGTTOU)
    ask_at_once(service, range(COUNT // 2, COUNT), pause=0.1 if ending in (RELOAD, SCALE) else 0)
    if ending == RELOAD:
        wait(service, lambda: not before & set(service.processes), "the end of the old workers")
    elif ending == SCALE:
        wait(service, lambda: len(before & set(service.processes)) == 1, "the end of one worker")


def ask_at_once(service: Service, amounts: Sequence[int], pause: float = 0) -> None:
    """Send a request for each amount; one that a worker's end has left without an answer is sent again."""

    def client(mine: Sequence[int]) -> None:
        connection = service.connect()
        for number, amount in enumerate(mine):
            if number % 5 == 4:  # so that every worker gets some
                connection.close()
            for _ in range(20):
                try:
                    assert service.post(amount, connection=connection) == 201
                    break
                except (ConnectionError, HTTPException):
                    connection.close()
            else:
                raise ConnectionError(f"no answer to request {amount}; the service said:\n{service.output}")
            time.sleep(pause)
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client, [amounts[i::4] for i in range(4)]))
