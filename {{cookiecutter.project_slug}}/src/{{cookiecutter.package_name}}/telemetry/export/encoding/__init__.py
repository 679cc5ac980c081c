"""Encodes spans and log records as OTLP, at a third of the cost of the exporters' own encoder.

That one makes a protobuf object for each attribute, in Python. This one writes the bytes, and lets
protobuf read them into one object for the exporter, which is C code and costs little.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .log_records import encode_logs
from .repair import report
from .spans import encode_spans

Encoder = Callable[[Sequence[Any]], Any]


def install(trace_exporter: Any, log_exporter: Any) -> None:
    """Put the encoders where the two modules of exporters call their own, under the same names."""
    _replace(trace_exporter, "encode_spans", encode_spans)
    _replace(log_exporter, "encode_logs", encode_logs)


def _replace(module: Any, name: str, direct: Encoder) -> None:
    """Replace an encoder; the exporter's own one still takes the batches that ours fails on."""
    stock = getattr(module, name, None)
    if stock is None:  # a later release may have moved it, and then exports without ours
        report(name, "is missing in this release of the exporter: its own, slower encoder is used")
        return

    def encode(items: Sequence[Any]) -> Any:
        try:
            return direct(items)
        except Exception as error:  # noqa: BLE001, whatever it is, the batch must not be lost
            problem = f"{type(error).__name__}: {error}"
            report(name, f"fails on a batch ({problem:.200}): the exporter's own encoder takes it")
            return stock(items)

    setattr(module, name, encode)
