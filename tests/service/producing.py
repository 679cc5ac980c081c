"""Run by a rendered service's Python: makes telemetry of given sizes, and prints how much memory that added.

    python producing.py PACKAGE '[["span", "name", 20000, 300], ["pause", "", 2, 1], ["memory", "", 0, 1]]'

A step is a kind, a name, a number and how often; the number is the length of the text that each one carries.
"""

import importlib
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any


def resident_kilobytes() -> int:
    """Return the memory of this process, as the kernel counts it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def main(package: str, steps: list[tuple[str, str, float, int]]) -> None:
    """Make what the steps say, then drain."""
    telemetry: Any = importlib.import_module(f"{package}.telemetry")
    telemetry.configure()
    tracer = telemetry.trace.get_tracer("t")
    metrics = telemetry.metrics.get_meter("t")
    counter = metrics.create_counter("points")
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:  # the record is for the exporter, not for standard output
            handler.addFilter(lambda record: record.name != "t")
    began = [resident_kilobytes()]

    def span(name: str, length: float) -> None:
        tracer.start_span(name, attributes={"text": "x" * int(length)}).end()

    def heavy(name: str, length: float) -> None:
        if name == "list":
            attributes: dict[str, Any] = {"list": [f"{item:99}" for item in range(int(length / 100))]}
        else:
            attributes = {f"{name}{number}": f"{number:4000}" for number in range(int(length / 4000))}
        tracer.start_span(name, attributes=attributes).end()

    def raised(text: str, cause: BaseException | None = None) -> None:
        try:
            with tracer.start_as_current_span("raised"):
                raise ValueError(text) from cause
        except ValueError:
            pass

    def logged(text: str) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("t").exception(text)

    def argument(name: str, _: float) -> None:
        class Unprintable:
            def __str__(self) -> str:
                raise RuntimeError(name)

        logging.getLogger("t").warning("%s", Unprintable())

    def deep(name: str, depth: float) -> None:
        if depth:
            return deeper(name, depth - 1)
        raise ValueError(name)

    def deeper(name: str, depth: float) -> None:
        deep(name, depth)

    def recursion(name: str, depth: float) -> None:
        try:
            with tracer.start_as_current_span("deep"):
                deep(name, depth)
        except ValueError:
            pass

    def memory(*_: Any) -> None:
        print(f"memory={resident_kilobytes() - began[0]}", flush=True)

    kinds: dict[str, Callable[[str, float], Any]] = {
        "span": span,
        "heavy": heavy,
        "argument": argument,
        "point": lambda name, length: counter.add(
            1, {"name": name + str(time.monotonic_ns()), "text": "x" * int(length)}
        ),
        "number": lambda name, power: metrics.create_counter(name).add(2 ** int(power)),
        "label": lambda name, _: metrics.create_counter("labels").add(1, {"name": name, name: 2**64}),
        "flag": lambda name, value: metrics.create_gauge(name).set(bool(value)),
        "record": lambda name, length: logging.getLogger("t").info("%s %s", name, "x" * int(length)),
        "logged": lambda name, length: logged(name + "x" * int(length)),
        "raised": lambda name, length: raised(name + "x" * int(length)),
        "raised-wide": lambda name, length: raised(name + "\N{SNOWMAN}\N{PILE OF POO}" * int(length / 2)),
        "raised-lines": lambda name, length: raised(name + "line\n" * int(length / 5)),
        "raised-from": lambda name, length: raised(name, ValueError("x" * int(length))),
        "recursion": recursion,
        "pause": lambda _, seconds: time.sleep(seconds),
        "memory": memory,
    }
    for kind, name, number, often in steps:
        for _ in range(often):
            kinds[kind](name, number)
    telemetry.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
