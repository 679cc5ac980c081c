"""What a receiver answers decides what becomes of a batch: seen on answers that no network delays."""

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Counter, Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from ..harness.waiting import wait_until
from .conftest import NAME

Parts = Any


class Receiver:
    """Plays exporter and receiver: `answer` says what becomes of a part; `taken` holds what was taken."""

    def __init__(self, telemetry: Parts, answer: Callable[[list[Any]], Any]) -> None:
        self.telemetry = telemetry
        self.answer = answer
        self.asked: list[list[Any]] = []
        self.taken: list[Any] = []

    def export(self, part: list[Any]) -> Any:
        """Take a part, or remember why not."""
        self.asked.append(part)
        verdict, text = self.answer(part)
        if verdict == "TAKEN":
            self.taken += part
            return SimpleNamespace(name="SUCCESS")
        if verdict == "RAISE":
            raise ValueError(text)
        if verdict != "UNSENT":
            self.telemetry.answers.remember(
                self.telemetry.answers.Answer(self.telemetry.answers.Verdict[verdict], text)
            )
        return SimpleNamespace(name="FAILURE")

    def shutdown(self) -> None:
        """End, as an exporter does."""


def spans(telemetry: Parts) -> Any:
    """Return the kind of items that the tests send; the items are their own names."""
    return telemetry.items.ItemKind("traces", "spans", str)


def sender(telemetry: Parts, answer: Callable[[list[Any]], Any]) -> tuple[Any, Receiver]:
    """Return a Sender and the receiver that it sends to."""
    receiver = Receiver(telemetry, answer)
    return telemetry.sending.Sender(spans(telemetry), receiver.export), receiver


def too_large_above(size: int) -> Callable[[list[int]], tuple[str, str]]:
    """Return a receiver's answer that takes parts of this size in all, items being their own size."""
    return lambda part: ("TOO_LARGE", "413: too large") if sum(part) > size else ("TAKEN", "")


@pytest.mark.parametrize("batch", [[1] * 10, [9] * 7, [1] * 4 + [50] + [1] * 4, [50], [50, 50], [11, 1, 10, 3]])
def test_what_is_too_large_is_split_down_to_the_item(telemetry: Parts, batch: list[int]) -> None:
    """All items that fit alone are taken, in their order and once; only those that alone do not fit are dropped."""
    sending, receiver = sender(telemetry, too_large_above(10))
    assert sending.send([list(batch)], 0.0) is None
    assert receiver.taken == [item for item in batch if item <= 10]


@pytest.mark.parametrize("how", ["RAISE", "UNSENT"])
def test_an_item_that_cannot_be_encoded_costs_itself(telemetry: Parts, how: str, caplog: Any) -> None:
    """Where the exporter raises, or makes no request, the others are sent, and the one is named and counted."""
    sending, receiver = sender(telemetry, lambda part: (how, "surrogates") if "bad" in part else ("TAKEN", ""))
    assert sending.send([["a", "b", "bad", "c"]], 0.0) is None
    assert receiver.taken == ["a", "b", "c"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("1 spans dropped, 1 since the start: they cannot be encoded (")
    assert line.endswith("The first is 'bad'")


def test_a_refusal_is_final_and_logged_once(telemetry: Parts, caplog: Any) -> None:
    """A refused batch is asked for once and dropped whole; the same cause is one line a minute, with the sum."""
    sending, receiver = sender(telemetry, lambda part: ("REFUSED", f"INVALID_ARGUMENT: {len(part)}"))
    for _ in range(3):
        assert sending.send([[1, 2]], 0.0) is None
    assert len(receiver.asked) == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    sending, _ = sender(telemetry, lambda _: ("REFUSED", "HTTP 400: x"))
    sending.send([[1]], 0.0)
    assert len(caplog.records) == 2


def test_an_exhausted_quota_is_not_asked_item_by_item(telemetry: Parts, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that takes not even one item gets 14 requests for a batch of 512, and not a thousand; all are counted in the one line."""
    sending, receiver = sender(telemetry, lambda _: ("EXHAUSTED", "RESOURCE_EXHAUSTED: quota"))
    assert sending.send([[*range(512)]], 0.0) is None
    assert "1 spans dropped" in caplog.records[0].getMessage()
    sending.log_dropped()
    assert caplog.records[-1].getMessage() == "512 spans dropped since the start"
    assert [len(part) for part in receiver.asked] == [512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 2, 1, 1]


def test_a_quota_is_found_out_after_another_refusal_too(telemetry: Parts) -> None:
    """The rest of a batch is not asked for item by item either if one of the first refusals had another cause."""

    def answer(part: list[int]) -> tuple[str, str]:
        return ("REFUSED", "INVALID_ARGUMENT: bad") if part == [3] else ("EXHAUSTED", "RESOURCE_EXHAUSTED: quota")

    sending, receiver = sender(telemetry, answer)
    assert sending.send([[*range(512)]], 0.0) is None
    assert len(receiver.asked) < 20


def test_what_may_be_taken_later_is_kept(telemetry: Parts) -> None:
    """A retryable answer ends the attempt; what was taken before is not sent again."""
    away = [False, True, False, False]
    sending, receiver = sender(
        telemetry,
        lambda part: ("TOO_LARGE", "413") if len(part) > 2 else ("AGAIN", "503") if away.pop() else ("TAKEN", ""),
    )
    parts = [[1, 2, 3, 4]]
    assert sending.send(parts, 0.0) is None or parts  # the first half is taken
    while parts:
        sending.send(parts, 0.0)
    assert receiver.taken == [1, 2, 3, 4]


@pytest.fixture
def quick(telemetry: Parts, monkeypatch: Any) -> None:
    """Let seconds pass in a five-hundredth of their time."""
    for name in ("PAUSE", "MAX_PAUSE", "ISOLATE_AFTER", "DROP_AFTER"):
        constant = f"{name}_SECONDS"
        monkeypatch.setattr(telemetry.retrying, constant, getattr(telemetry.retrying, constant) / 500)


@pytest.mark.usefixtures("quick")
def test_an_outage_ends_no_attempt(telemetry: Parts) -> None:
    """A batch is taken when the receiver is back, however long that takes, and no item of it is lost."""
    back = time.monotonic() + 0.5  # 250 s in the fixture's time
    receiver = Receiver(telemetry, lambda _: ("AGAIN", "x") if time.monotonic() < back else ("TAKEN", ""))
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    exporter.export([1, 2, 3, 4, 5])
    assert sorted(receiver.taken) == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("poison", [{3}, {3, 13, 23, 33, 43, 53}])
def test_what_is_never_taken_holds_up_nothing_else(
    telemetry: Parts, size: int, poison: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Items that are answered by "later" for ever are dropped, named and counted; all others are taken."""

    def answer(part: list[int]) -> tuple[str, str]:
        exporter.item_added()  # there is always another that waits
        return ("AGAIN", "UNAVAILABLE: x") if poison & {*part} else ("TAKEN", "")

    receiver = Receiver(telemetry, answer)
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    for start in range(0, 60, size):
        exporter.export([*range(start, start + size)])
    end, others = time.monotonic() + 10, 0
    while not exporter.force_flush() and time.monotonic() < end:
        others += 1
        exporter.export([1000 + others])
    assert sorted(item for item in receiver.taken if item < 1000) == sorted({*range(60)} - poison)
    first, *_ = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert first.startswith("1 spans dropped, 1 since the start: the receiver takes other data, but not this")


@pytest.mark.usefixtures("quick")
def test_a_batch_waits_for_others_only_where_there_are_others(telemetry: Parts) -> None:
    """With nothing behind it a batch is tried again and again, and not left until the next one comes."""
    back = time.monotonic() + 0.1
    receiver = Receiver(telemetry, lambda _: ("AGAIN", "x") if time.monotonic() < back else ("TAKEN", ""))
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    exporter.export([1])
    assert receiver.taken == [1]
    assert len(receiver.asked) > 10


def test_a_forked_child_does_not_send_what_waits(telemetry: Parts) -> None:
    """What waits in the parent when it forks is sent by the parent, and by no child, whatever the child does."""
    receiver = Receiver(telemetry, lambda _: ("AGAIN", "UNAVAILABLE: x"))
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    exporter.prepare_shutdown()
    exporter.export([*range(512)])
    assert not exporter.force_flush()
    receiver.answer = lambda _: ("TAKEN", "")
    child = os.fork()
    if not child:
        exporter.force_flush()
        os._exit(len(receiver.taken) > 0)
    assert os.waitpid(child, 0)[1] == 0
    exporter.shutdown()
    assert receiver.taken == [*range(512)]


def test_shutdown_beside_an_export_loses_and_doubles_nothing(telemetry: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where shutdown() comes while a worker thread waits for an answer, the receiver gets each item once."""
    monkeypatch.setattr(telemetry.sending, "REQUEST_BYTES", 1)
    release = threading.Event()

    def answer(_: list[int]) -> tuple[str, str]:
        assert release.wait(10)
        return "TAKEN", ""

    receiver = Receiver(telemetry, answer)
    kind = telemetry.items.ItemKind("traces", "spans", str, memory=lambda _: 1)  # each item is a part
    exporter = telemetry.retrying.RetryingExporter(receiver, kind)
    exporter.large_items.bytes = 1
    worker = threading.Thread(target=exporter.export, args=([1, 2, 3, 4],))
    worker.start()
    wait_until(lambda: len(receiver.asked) == 1, "the worker's request", 10)
    ending = threading.Thread(target=exporter.shutdown)
    ending.start()
    ending.join(0.2)  # time for a second request, which must not come
    release.set()
    for thread in (worker, ending):
        thread.join(10)
        assert not thread.is_alive()
    assert sorted(receiver.taken) == [1, 2, 3, 4]
    assert exporter.force_flush()


@pytest.mark.parametrize("returns", [True, False])
def test_what_waits_at_the_end_is_sent_or_counted(
    telemetry: Parts, returns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """shutdown() in an outage tries again for a while; then what is left is dropped, with a line and a count."""
    monkeypatch.setattr(telemetry.retrying, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(telemetry.retrying, "END_AFTER_SECONDS", 0.3)
    answers = ["AGAIN"] * 3 + ["TAKEN"] * returns
    receiver = Receiver(telemetry, lambda _: (answers.pop(0) if len(answers) > 1 else answers[0], "503: away"))
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    exporter.item_added()  # export() need not wait: the processor has more
    exporter.prepare_shutdown()
    exporter.export([1, 2])
    exporter.shutdown()
    dropped = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    if returns:
        assert (receiver.taken, dropped) == ([1, 2], [])
    else:
        assert len(dropped) == 1
        assert dropped[0].startswith("2 spans dropped, 2 since the start: the service ends, and the receiver does not")


@pytest.mark.parametrize(("told", "counted"), [(-5, 0), (2, 2), (1000, 3)])
def test_a_partial_success_is_not_believed_unseen(
    telemetry: Parts, told: int, counted: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver may say that it rejects less than nothing, or more than it was sent."""

    def export(_: list[int]) -> Any:
        answers = telemetry.answers
        answers.remember(answers.Answer(answers.Verdict.TAKEN, "quota", rejected=told))
        return SimpleNamespace(name="SUCCESS")

    sending = telemetry.sending.Sender(spans(telemetry), export)
    assert sending.send([[1, 2, 3]], 0.0) is None
    dropped = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    assert [line.split()[0] for line in dropped] == [str(counted)] * bool(counted)


def test_points_are_nested_as_they_were(telemetry: Parts) -> None:
    """Metrics that are taken apart and put together are the same, and their halves hold each point once."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for scope in ("one", "two"):
        meter = provider.get_meter(scope)
        for number in range(3):
            meter.create_counter("sum").add(number, {"number": number})
        meter.create_histogram("histogram").record(1.5)
    data = reader.get_metrics_data()
    part = [*telemetry.points.points(data)]
    assert len(part) == 2 * (3 + 1)
    assert telemetry.points.nested(part) == data
    halves = [telemetry.points.nested(half) for half in reversed(telemetry.sending.halves(part))]
    assert [point for half in halves for *_, point in telemetry.points.points(half)] == [point for *_, point in part]


def next_of(answers: Iterator[tuple[str, str]], _: list[Any]) -> tuple[str, str]:
    """Return the next answer, whatever is asked."""
    return next(answers)


def metric_exporter(telemetry: Parts, receiver: Receiver) -> Any:
    """Return an exporter that sends to this receiver, as the service changes it."""
    exporter = SimpleNamespace(export=lambda data: receiver.export([data]), shutdown=receiver.shutdown)
    telemetry.points.split_what_is_too_large(exporter)
    return exporter


def test_metrics_are_tried_again_within_their_timeout(telemetry: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that is busy for a moment gets the metrics of this export; one that stays away fails it in time."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setattr(telemetry.points, "PAUSE_SECONDS", 0.01)
    provider = MeterProvider([reader := InMemoryMetricReader()], shutdown_on_exit=False)
    provider.get_meter("t").create_counter("sum").add(1)
    data = reader.get_metrics_data()
    for busy, result in ((3, "SUCCESS"), (1000, "FAILURE")):
        answers = iter([("AGAIN", "x")] * busy + [("TAKEN", "")])
        receiver = Receiver(telemetry, partial(next_of, answers))
        exporter = metric_exporter(telemetry, receiver)
        began = time.monotonic()
        assert exporter.export(data).name == result
        assert time.monotonic() - began < 1
        assert (receiver.taken == [data]) == (result == "SUCCESS")


def test_a_point_that_is_never_taken_silences_no_other(
    telemetry: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that is "busy" whenever it gets one of 50 points takes the 49 others, in one export; the one is told."""
    monkeypatch.setattr(telemetry.points, "PAUSE_SECONDS", 0.01)
    provider = MeterProvider([reader := InMemoryMetricReader()], shutdown_on_exit=False)
    for number in range(50):
        provider.get_meter("t").create_counter(f"sum{number}").add(1)

    def answer(part: list[Any]) -> tuple[str, str]:
        names = [point.metric.name for point in telemetry.points.points(part[0])]
        return ("AGAIN", "503: busy") if "sum7" in names else ("TAKEN", "")

    receiver = Receiver(telemetry, answer)
    exporter = metric_exporter(telemetry, receiver)
    assert exporter.export(reader.get_metrics_data()).name == "SUCCESS"
    taken = [point.metric.name for data in receiver.taken for point in telemetry.points.points(data)]
    assert sorted(taken) == sorted(f"sum{number}" for number in range(50) if number != 7)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told.endswith("The first is 'sum7'")


@pytest.fixture
def short_outage(telemetry: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export of metrics give up at once."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.02")
    monkeypatch.setattr(telemetry.points, "PAUSE_SECONDS", 0.01)


def sums(telemetry: Parts, data: list[Any]) -> list[tuple[str, int]]:
    """Return name and value of each sum that was taken."""
    return [(point.metric.name, point.value.value) for item in data for point in telemetry.points.points(item)]


@pytest.mark.usefixtures("short_outage")
@pytest.mark.parametrize("kept", [20_000, 2])
def test_an_outage_costs_no_delta(
    telemetry: Parts, kept: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sums since the last export wait for the next one, as many as there is room for; others come anew by themselves."""
    monkeypatch.setattr(telemetry.points, "MAX_KEPT_POINTS", kept)
    delta: dict[type, AggregationTemporality] = {Counter: AggregationTemporality.DELTA}
    provider = MeterProvider([reader := InMemoryMetricReader(delta)], shutdown_on_exit=False)
    counter = provider.get_meter("t").create_counter("delta")
    total = provider.get_meter("t").create_up_down_counter("total")
    receiver = Receiver(telemetry, lambda _: ("AGAIN", "503: away"))
    exporter = metric_exporter(telemetry, receiver)
    for number in (1, 2, 3):
        counter.add(number)
        total.add(number)
        assert exporter.export(reader.get_metrics_data()).name == "FAILURE"
    receiver.answer = lambda _: ("TAKEN", "")
    counter.add(4)
    assert exporter.export(reader.get_metrics_data()).name == "SUCCESS"
    expected = [("delta", number) for number in (1, 2, 3, 4)][-kept - 1 :]
    assert sorted(sums(telemetry, receiver.taken)) == [*expected, ("total", 6)]
    exporter.shutdown()
    lost = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lost) == (kept == 2)
    assert all("1 data points dropped, 1 since the start: there is no room" in line for line in lost)


@pytest.mark.usefixtures("short_outage")
def test_what_the_last_export_could_not_send_is_told(telemetry: Parts, caplog: pytest.LogCaptureFixture) -> None:
    """Metrics that no later export brings are dropped with a line."""
    provider = MeterProvider([reader := InMemoryMetricReader()], shutdown_on_exit=False)
    provider.get_meter("t").create_counter("sum").add(1)
    exporter = metric_exporter(telemetry, Receiver(telemetry, lambda _: ("AGAIN", "503: away")))
    exporter.export(reader.get_metrics_data())
    exporter.shutdown()
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line.startswith("1 data points dropped, 1 since the start: the service ends")


def test_what_metrics_belong_to_is_repaired(telemetry: Parts, caplog: pytest.LogCaptureFixture) -> None:
    """Resource, scope and exemplars with what OTLP cannot carry cost no point, and are told."""
    resource = Resource({"host\ud800": "a\udfff", "n": 2**70})
    provider = MeterProvider([reader := InMemoryMetricReader()], resource, shutdown_on_exit=False)
    provider.get_meter("scope\ud800", "1\ud800", attributes={"big": 2**70}).create_counter("sum").add(1)
    data: Any = reader.get_metrics_data()
    exemplars = [Exemplar({"n": 2**70}, 2**70, 1), Exemplar({"n": 2**70}, 5, 1)]
    point = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]
    point.exemplars.extend(exemplars)
    (repaired,) = telemetry.points.points(data)
    request = encode_metrics(telemetry.points.nested([repaired]))
    scope = request.resource_metrics[0].scope_metrics[0]
    assert (scope.scope.name, scope.scope.version) == ("scope\ufffd", "1\ufffd")
    assert scope.scope.attributes[0].value.string_value == str(2**70)
    values = {pair.key: pair.value.string_value for pair in request.resource_metrics[0].resource.attributes}
    assert (values["host\ufffd"], values["n"]) == ("a\ufffd", str(2**70))
    (exemplar,) = scope.metrics[0].sum.data_points[0].exemplars
    assert (exemplar.as_int, exemplar.filtered_attributes[0].value.string_value) == (5, str(2**70))
    told = [record.getMessage() for record in caplog.records]
    assert any("'sum' has an exemplar outside 64 bits" in line for line in told)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("batches", [2, 40])
def test_batches_without_an_answer_hold_up_nothing_else(telemetry: Parts, batches: int) -> None:
    """Batches that each time out at each attempt let the others pass, however many they are."""
    done = threading.Event()

    def answer(part: list[str]) -> tuple[str, str]:
        exporter.item_added()
        if "poison" not in part or done.is_set():
            return "TAKEN", ""
        time.sleep(0.02)  # 10 s in the fixture's time
        return "AGAIN", "DEADLINE_EXCEEDED"

    receiver = Receiver(telemetry, answer)
    exporter = telemetry.retrying.RetryingExporter(receiver, spans(telemetry))
    feed(exporter, ["poison"] * batches + ["good"] * 20, done)
    assert receiver.taken.count("good") == 100


def feed(exporter: Any, names: list[str], done: threading.Event) -> None:
    """Export five items of each name while the queue has more; fail if that takes 20 s, and set `done` in any case."""

    def export() -> None:
        for name in names:
            for _ in range(5):
                exporter.item_added()
            exporter.export([name] * 5)

    feeding = threading.Thread(target=export, daemon=True)
    feeding.start()
    feeding.join(20)
    held_up = feeding.is_alive()
    done.set()
    feeding.join(20)
    assert not held_up


@pytest.mark.usefixtures("quick")
def test_a_full_queue_gives_a_new_batch_a_try(
    telemetry: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where everything that waits is poison and the queue is full, the oldest makes room: others are found to be taken."""
    monkeypatch.setattr(telemetry.retrying, "MAX_WAITING_BATCHES", 2)
    monkeypatch.setattr(telemetry.retrying, "PROBE_AFTER_SECONDS", 0.05)
    monkeypatch.setenv("QUEUE", "10")
    monkeypatch.setenv("BATCH", "5")

    done = threading.Event()

    def answer(part: list[str]) -> tuple[str, str]:
        exporter.item_added()  # the queue is always full
        return ("AGAIN", "UNAVAILABLE") if "poison" in part and not done.is_set() else ("TAKEN", "")

    receiver = Receiver(telemetry, answer)
    kind = telemetry.items.ItemKind("traces", "spans", str, batch_size="BATCH", queue_size="QUEUE")
    exporter = telemetry.retrying.RetryingExporter(receiver, kind)
    for _ in range(10):
        exporter.item_added()
    feed(exporter, ["poison"] * 6 + ["good"] * 3, done)
    assert receiver.taken.count("good") == 15
    first, *_ = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert first.startswith("5 spans dropped, 5 since the start: there is no room to let them wait (nothing is taken")


def test_each_reason_is_told_within_a_minute(telemetry: Parts, caplog: pytest.LogCaptureFixture) -> None:
    """A second reason with the same status is a line of its own; numbers, ids and names in it make no new reason."""
    answers = ["tenant 'a' is unknown", "tenant 'b' is unknown", "span 5ca1ab1e too old", "span 0000beef too old"]
    sending, _ = sender(telemetry, lambda _: ("REFUSED", f"HTTP 400: {answers[0]}"))
    while answers:
        sending.send([[1]], 0.0)
        answers.pop(0)
    told = [record.getMessage() for record in caplog.records]
    assert ["unknown" in line for line in told] == [True, False]
    for number in range(100):
        answers = ["x" * number]
        sending.send([[1]], 0.0)
    assert len(caplog.records) <= 20


def test_items_are_sent_a_few_a_few_at_a_time(telemetry: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is one part; with long texts it is as many as keep their texts below the limit, in its order."""
    monkeypatch.setattr(telemetry.sending, "REQUEST_BYTES", 10)
    kind = telemetry.items.ItemKind("traces", "spans", str, memory=lambda item: item)
    parts = telemetry.sending.Sender(kind, print).parts
    assert parts([0] * 512) == [[0] * 512]
    assert parts([4, 4, 4, 50, 0, 4, 1])[::-1] == [[4, 4], [4], [50], [0, 4, 1]]
    assert parts([]) == [[]]


@pytest.mark.parametrize("words", ["-" * 20_000, "<" * 20_000, "'" * 20_000, "abcdef" * 4000])
def test_a_receivers_words_take_no_time(telemetry: Parts, words: str, caplog: pytest.LogCaptureFixture) -> None:
    """However long they are and whatever they consist of, the line comes at once and is short."""
    sending, _ = sender(telemetry, lambda _: ("REFUSED", f"HTTP 400: {words}"))
    began = time.monotonic()
    sending.send([[1]], 0.0)
    assert time.monotonic() - began < 1
    assert len(caplog.records[0].getMessage()) < 500


def refused(text: str, _: list[Any]) -> tuple[str, str]:
    """Refuse whatever comes, in these words."""
    return "REFUSED", text


def test_a_secret_is_masked_before_it_is_cut(
    telemetry: Parts, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver may repeat a key just where the line ends: no part of it is shown."""
    masking = importlib.import_module(f"{NAME}.masking")
    monkeypatch.setattr(masking, "_known", {"sk-live-0123456789abcdefghijkl"})
    for before in range(150, 200):
        text = "x" * before + " sk-live-0123456789abcdefghijkl"
        sending, _ = sender(telemetry, partial(refused, text))
        sending.send([[1]], 0.0)
    assert len(caplog.records) == 50
    assert not any("sk-live-01" in record.getMessage() for record in caplog.records)


def test_the_end_asks_no_batch_in_vain(
    telemetry: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty batches wait for a receiver that is slow to say no: the end comes in time, and all are counted."""
    monkeypatch.setattr(telemetry.retrying, "END_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(telemetry.retrying, "ISOLATE_AFTER_SECONDS", 0.0)

    def answer(_: list[int]) -> tuple[str, str]:
        time.sleep(0.2)
        return "AGAIN", "UNAVAILABLE"

    exporter = telemetry.retrying.RetryingExporter(Receiver(telemetry, answer), spans(telemetry))
    exporter._waiting = [telemetry.retrying._Batch([[number]]) for number in range(20)]
    began = time.monotonic()
    exporter.shutdown()
    assert time.monotonic() - began < 1.5
    assert caplog.records[-1].getMessage() == "20 spans dropped since the start"


@pytest.mark.usefixtures("short_outage")
def test_a_kept_point_keeps_no_other(telemetry: Parts) -> None:
    """A delta that waits does not hold the thousand cumulative points of its export."""
    delta: dict[type, AggregationTemporality] = {Counter: AggregationTemporality.DELTA}
    provider = MeterProvider([reader := InMemoryMetricReader(delta)], shutdown_on_exit=False)
    counter = provider.get_meter("t").create_counter("delta")
    total = provider.get_meter("t").create_up_down_counter("total")
    for number in range(1000):
        total.add(1, {"number": number})
    exporter = metric_exporter(telemetry, Receiver(telemetry, lambda _: ("AGAIN", "503: away")))
    counter.add(1)
    exporter.export(reader.get_metrics_data())
    kept = [point for point in exporter.export.__self__._unsent if point.metric.name == "delta"]
    (point,) = kept
    assert (point.resource.scope_metrics, point.scope.metrics, point.metric.data.data_points) == ((), (), ())
