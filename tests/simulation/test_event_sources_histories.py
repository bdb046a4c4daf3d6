"""Random histories: with all faults, each record is processed or kept, in order per key."""

import json
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.event_sources.answers import Answer
from localcloud.event_sources.failures import DestinationError, Discarded
from localcloud.event_sources.tasks import BatchInvocation, Deliver, Result, Task
from tests.support.event_source_bench import (
    Bench,
    failures,
    sequence_numbers,
    step,
    throttled,
    unhandled,
)

KEYS = ["a", "b", "c", "d", "e"]

MAPPINGS = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 5),
        "parallelization_factor": st.sampled_from([1, 2, 10]),
        "bisects": st.booleans(),
        "maximum_retries": st.integers(0, 2),
        "maximum_age_seconds": st.sampled_from([-1, 60]),
        "reports_item_failures": st.booleans(),
        "window_seconds": st.sampled_from([0, 2]),
    }
)
RECORDS = st.tuples(st.sampled_from(KEYS), st.sampled_from([False] * 5 + [True]))
BURSTS = st.lists(RECORDS, min_size=1, max_size=12)
MOVES = st.sampled_from(
    ["read"] * 4 + ["begin"] * 8 + ["finish"] * 8 + ["pass time", "crash", "split", "merge"]
)
HISTORIES = st.lists(st.one_of(BURSTS, *[MOVES] * 6), min_size=20, max_size=80)
ANSWERS = st.sampled_from(["success"] * 3 + ["partial"] * 3 + ["crashes", "throttled", "invalid"])


class History(Bench):
    """Records the deliveries to the function, and checks the invariants after each move."""

    def __init__(self, settings: dict[str, Any], data: st.DataObject) -> None:
        super().__init__(shards=2, **settings)
        self.data = data
        self.done: set[str] = set()
        self.keys: dict[str, str] = {}
        self.in_order: dict[str, list[str]] = defaultdict(list)
        self.under_way: list[tuple[Task, Result]] = []
        self.failures_are_over = False
        self.function = self.answer

    def put_one(self, key: str, *, poison: bool) -> None:
        number = self.stream.put(key, b'"poison"' if poison else b'"good"').sequence_number
        self.keys[number] = key
        self.in_order[key].append(number)

    def answer(self, records: list[Any]) -> Any:
        numbers = sequence_numbers(records)
        self.check_order(numbers)
        kind = "success" if self.failures_are_over else self.data.draw(ANSWERS, label="answer")
        if kind == "throttled":
            return throttled(records)
        if kind == "crashes" or (kind == "success" and self.is_poisoned(records)):
            return unhandled(records)
        if kind == "invalid":
            return Answer(failures("unknown") if self.mapping.reports_item_failures else None)
        if kind == "partial" and self.mapping.reports_item_failures:
            return failures(self.data.draw(st.sampled_from(numbers), label="first that failed"))
        return failures()

    def keep(self, discarded: Discarded) -> None:
        if not self.failures_are_over and self.data.draw(
            st.booleans(), label="destination is unavailable"
        ):
            raise DestinationError("unavailable")
        self.kept.append(discarded)

    def is_poisoned(self, records: list[Any]) -> bool:
        return any(record["kinesis"]["data"] == "InBvaXNvbiI=" for record in records)

    def check_order(self, numbers: list[str]) -> None:
        before: set[str] = set()
        for number in numbers:
            key = self.keys[number]
            earlier = self.in_order[key][: self.in_order[key].index(number)]
            assert set(earlier) <= self.done | before, f"{key} is out of order"
            before.add(number)

    def check_one_batch_per_key(self) -> None:
        keys_of_batches = [
            {record["kinesis"]["partitionKey"] for record in json.loads(task.event)["Records"]}
            for task, _ in self.under_way
            if isinstance(task, BatchInvocation)
        ]
        assert sum(map(len, keys_of_batches)) == len(set().union(*keys_of_batches)), (
            "two batches of one key at the same time"
        )

    def check_checkpoints(self) -> None:
        for shard_id, saved in self.engine.checkpoints().get("shards", {}).items():
            for record in self.stream.all[shard_id].records:
                if int(record.sequence_number) <= int(saved["after"] or 0) or saved["ended"]:
                    assert record.sequence_number in self.done, (
                        "the checkpoint is after a record that is not done"
                    )

    def read(self) -> None:
        """Find new shards, and read from those that were ready before."""
        for unit in reversed(self.engine.ready()):
            if not isinstance(unit, Deliver):
                step(self.engine, unit)

    def begin(self) -> None:
        ready = [each for each in self.engine.ready() if isinstance(each, Deliver)]
        if ready:
            task = self.engine.begin(self.data.draw(st.sampled_from(ready), label="begin"))
            self.under_way.append((task, self.engine.perform(task)))
            self.check_one_batch_per_key()

    def finish(self) -> None:
        if self.under_way:
            place = self.data.draw(st.integers(0, len(self.under_way) - 1), label="finish")
            task, result = self.under_way.pop(place)
            self.note(task, result)
            self.engine.finish(task, result)
            self.check_checkpoints()

    def note(self, task: Task, result: Result) -> None:
        """Note the records that are done; only these may advance a checkpoint."""
        self.done |= {each.sequence_number for kept in self.kept for each in kept.records}
        if not isinstance(task, BatchInvocation) or not isinstance(result, Answer):
            return
        numbers = sequence_numbers(json.loads(task.event)["Records"])
        if not self.mapping.reports_item_failures:
            self.done |= set(numbers)
            return
        reported = [each["itemIdentifier"] for each in result.payload["batchItemFailures"]]
        if "unknown" not in reported:
            first = min(map(numbers.index, reported), default=len(numbers))
            self.done |= set(numbers[:first])

    def crash(self) -> None:
        self.under_way.clear()
        self.restart()

    def move(self, move: str) -> None:
        shards = self.stream.open_shards()
        match move:
            case "read":
                self.read()
            case "begin":
                self.begin()
            case "finish":
                self.finish()
            case "pass time":
                self.now += 11
            case "crash":
                self.crash()
            case "split" if len(self.stream.all) < 8:
                self.stream.split(shards[0])
            case "merge" if len(shards) > 1 and len(self.stream.all) < 8:
                ranges = sorted(shards, key=lambda each: self.stream.all[each].low)
                self.stream.merge(*ranges[:2])

    def finish_without_failures(self) -> None:
        self.failures_are_over = True
        while self.under_way:
            self.finish()
        for _ in range(2000):
            moved = False
            for unit in self.engine.ready():
                if unit in self.engine.ready():
                    task = self.engine.begin(unit)
                    result = self.engine.perform(task)
                    self.note(task, result)
                    moved |= self.engine.finish(task, result)
            self.check_checkpoints()
            if not moved and self.engine.drained_since() is not None:
                return
            self.now += 1
        raise AssertionError("the stream is never drained")


@settings(max_examples=150, deadline=None)
@given(settings=MAPPINGS, moves=HISTORIES, data=st.data())
def test_every_record_is_processed_or_kept_in_order_per_key(
    settings: dict[str, Any], moves: list[Any], data: st.DataObject
):
    history = History(settings, data)
    for move in moves:
        if isinstance(move, str):
            history.move(move)
            continue
        for key, poison in move:
            history.put_one(key, poison=poison)
    history.finish_without_failures()
    assert history.done == set(history.keys)
