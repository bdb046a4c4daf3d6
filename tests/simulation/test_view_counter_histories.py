"""Random histories of a shard: deliveries, faults, discards, releases, resharding and redrives.

The handler runs on tables and a bucket in memory. Two photos of one minute fill a transaction, so
that batches of a few records are several segments.
"""

import importlib
import inspect
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import shared.quarantine
import view_counter.segments
import view_counter.view_records
from fakes.view_records import FIRST_SEQUENCE, NOW, Context, Counting, Record, photo, record
from shared.view_rows import split_key
from tests.support.faults import CrashError, refusal

FAULTS = (
    "crash before",
    "crash after",
    "lost answer",
    "throttle",
    "photo busy",
    "meanwhile",
    "meanwhile",
)
MOST_TRIES = 3
KEYS = (photo(0), photo(1), photo(2), f"{photo(0)}#3")
KINDS = ("good", "good", "strange", "strange", "poison")
read = view_counter.view_records._read


class Bucket:
    """S3, as far as the function calls it."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Record]] = {}
        self.is_out = False

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803
        if self.is_out:
            raise refusal("SlowDown")
        self.objects[Key] = [json.loads(Body)["record"]]


class Slot:
    """One of the shard's two sequences of batches; a partition key is always in the same one."""

    def __init__(self) -> None:
        self.waiting: list[Record] = []
        self.tries = 0
        self.size = 1


class History(RuleBasedStateMachine):
    module: Any  # its clients are replaced

    def __init__(self) -> None:
        super().__init__()
        self.counting = Counting()
        self.bucket = Bucket()
        self.module.view_counter = self.counting.counter
        self.module.s3 = self.bucket
        # Without Powertools, whose metrics cannot be nested.
        self.handler = inspect.unwrap(self.module.handler)
        self.slots = [Slot(), Slot()]
        self.sent: dict[int, tuple[str, Record]] = {}
        self.shard = self.discarded = 0
        self.fixed = False
        view_counter.view_records._read = self.read

    def read(self, kinesis: dict[str, Any], *key: str) -> tuple[int, str | None]:
        if not self.fixed and kinesis["kinesisSchemaVersion"] == "strange":
            raise ZeroDivisionError
        return read(kinesis, *key)

    # What the world does

    @rule(
        sent=st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from(KINDS)),
            min_size=1,
            max_size=6,
        )
    )
    def views_arrive(self, sent: list[tuple[int, int, str]]) -> None:
        for number, minute, kind in sent:
            sequence = len(self.sent)
            made = record(
                sequence,
                photo(number % 3),
                key=KEYS[number],
                viewed_at=NOW + timedelta(minutes=minute),
                data=b"poison" if kind == "poison" else None,
                shard=f"shardId-{self.shard:012}",
            )
            made["kinesis"]["kinesisSchemaVersion"] = kind  # the broken version raises on strange
            self.sent[sequence] = (kind, made)
            self.slots[number % 2].waiting.append(made)

    @rule()
    def shard_splits(self) -> None:
        self.shard += 1

    @rule()
    def release(self) -> None:
        self.fixed = not self.fixed

    @rule()
    def s3_fails_or_recovers(self) -> None:
        self.bucket.is_out = not self.bucket.is_out

    # What Lambda does

    @rule(
        which=st.integers(0, 1),
        size=st.integers(1, 8),
        fault=st.sampled_from(("", "", *FAULTS)),
        call=st.integers(1, 4),
        number=st.integers(0, 2),
    )
    def batch_is_delivered(self, which: int, size: int, fault: str, call: int, number: int) -> None:
        """Deliver a batch; retries may have other borders, and the last one keeps it whole."""
        slot = self.slots[which]
        shards = [each["eventID"].partition(":")[0] for each in slot.waiting]
        batch = [each for each in slot.waiting[:size] if each["eventID"].startswith(shards[0])]
        if not batch:
            return
        other = self.slots[1 - which]
        event = {"Records": batch}
        answer = self.invoke(event, fault, call, number, lambda: self.steady(other))
        done = len(batch)
        if answer is None:
            done = 0
        elif failures := answer["batchItemFailures"]:
            numbers = [each["kinesis"]["sequenceNumber"] for each in batch]
            done = numbers.index(failures[0]["itemIdentifier"])
        slot.tries = slot.tries + 1 if done == 0 else 0
        if slot.tries == MOST_TRIES:
            self.discard(slot, len(batch))
            return
        del slot.waiting[:done]

    def steady(self, slot: Slot) -> None:
        """A delivery during another one, without a fault."""
        if batch := slot.waiting[:1]:
            answer = self.handler({"Records": batch}, Context(self.counting.clock))
            if not answer["batchItemFailures"]:
                del slot.waiting[:1]

    def discard(self, slot: Slot, size: int) -> None:
        self.discarded += 1
        self.bucket.objects[f"batch-{self.discarded}"] = slot.waiting[:size]
        del slot.waiting[:size]
        slot.tries = 0

    @precondition(lambda self: any(slot.waiting for slot in self.slots))
    @rule(size=st.integers(1, 8))
    def records_get_too_old(self, size: int) -> None:
        slot = max(self.slots, key=lambda slot: len(slot.waiting))
        self.discard(slot, size)

    # What an operator does

    @precondition(lambda self: self.bucket.objects)
    @rule(
        data=st.data(),
        fault=st.sampled_from(("", "", *FAULTS)),
        call=st.integers(1, 3),
        number=st.integers(0, 2),
    )
    def failure_is_redriven(self, data: st.DataObject, fault: str, call: int, number: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.bucket.objects)))
        meanwhile = data.draw(
            st.sampled_from(
                [
                    lambda: self.redrive(key),
                    lambda: self.steady(self.slots[0]),
                    lambda: self.steady(self.slots[1]),
                ]
            )
        )
        self.redrive(key, fault, call, number, meanwhile)

    def redrive(
        self,
        key: str,
        fault: str = "",
        call: int = 1,
        number: int = 0,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        records = self.bucket.objects[key]
        event = {"redrive": {"records": records}}
        answer = self.invoke(event, fault, call, number, meanwhile)
        if answer is None or answer["batchItemFailures"]:
            return
        assert answer["counted"] + answer["already_counted"] + answer["poison"] == len(records)
        if key.startswith("batch") or not answer["poison"]:
            self.bucket.objects.pop(key, None)

    # What goes wrong

    def invoke(
        self,
        event: dict[str, Any],
        fault: str,
        call: int,
        number: int,
        meanwhile: Callable[[], None],
    ) -> dict[str, Any] | None:
        """The handler's answer, None if it was killed; call number `call` has the fault."""
        tables = self.counting.tables
        calls = 0
        struck = False

        def strike(act: Callable[[], None]) -> Callable[..., None]:
            def hook(*_: object) -> None:
                nonlocal calls, struck
                calls += 1
                if calls >= call and not struck:
                    struck = True
                    act()

            return hook

        def raises(error: BaseException) -> Callable[[], None]:
            def act() -> None:
                raise error

            return act

        self.counting.clock.left = 20
        timeout = ReadTimeoutError(endpoint_url="https://aws")
        match fault:
            case "crash before":
                tables.before = strike(raises(CrashError()))
            case "crash after":
                tables.after = strike(raises(CrashError()))
            case "lost answer":
                tables.after = strike(raises(timeout))
            case "throttle":
                self.counting.clock.left = 10.05
                tables.before = strike(raises(refusal("ThrottlingException")))
            case "photo busy":
                self.counting.clock.left = 10.05 if call % 2 else 20
                tables.busy = lambda action: (
                    "TransactionConflict"
                    if action["Key"]["photo_id"]["S"] == photo(number)
                    else None
                )
            case "meanwhile":
                tables.before = strike(meanwhile)
        try:
            return dict(self.handler(event, Context(self.counting.clock)))
        except (CrashError, ExceptionGroup):
            return None
        finally:
            tables.before = tables.after = lambda *_: None
            tables.busy = lambda _: None

    # What must hold

    def good(self) -> Counter[str]:
        return Counter(
            split_key(made["kinesis"]["partitionKey"])[0]
            for kind, made in self.sent.values()
            if kind != "poison"
        )

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        assert not Counter(self.counting.totals) - self.good()

    def teardown(self) -> None:
        self.fixed = True
        self.bucket.is_out = False
        for slot in self.slots:
            while slot.waiting:
                self.counting.clock.left = 20
                self.steady(slot)
        for _ in range(2):  # what is poison in a batch is in quarantine after the first
            for key in sorted(self.bucket.objects):
                self.redrive(key)
        self.counting.assert_counted(*(made for _, made in self.sent.values()))
        kept = [made for [made] in self.bucket.objects.values()]
        assert sorted(kept, key=sequence_of) == [
            made for kind, made in self.sent.values() if kind == "poison"
        ]


def sequence_of(made: Record) -> int:
    return int(made["kinesis"]["sequenceNumber"]) - FIRST_SEQUENCE


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The handler, silent, and with small transactions."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "VIEWS_TABLE": "Views",
        "FAILED_BATCHES_BUCKET": "failed-batches",
        "POWERTOOLS_METRICS_NAMESPACE": "gallery",
        "POWERTOOLS_SERVICE_NAME": "view_counter",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(view_counter.segments, "_MOST_ROWS", 4)
    monkeypatch.setattr(view_counter.view_records, "_read", read)
    monkeypatch.setattr(shared.quarantine, "MOST_UNEXPECTED", 3)
    module = importlib.reload(importlib.import_module("view_counter.handler"))
    for powertool in ("logger", "metrics"):  # both would outlive this test
        monkeypatch.setattr(module, powertool, Mock())
    return module


def test_every_view_is_counted_once_and_every_poison_kept(module: ModuleType):
    run_state_machine_as_test(
        type("History", (History,), {"module": module}),
        settings=settings(
            max_examples=500, stateful_step_count=40, deadline=None, database=None, print_blob=True
        ),
    )
