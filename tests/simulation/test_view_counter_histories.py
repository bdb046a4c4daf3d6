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
    "concurrent",
    "concurrent",
)
MAX_TRIES = 3
KEYS = (photo(0), photo(1), photo(2), f"{photo(0)}#3")
KINDS = ("good", "good", "failing", "failing", "poison")
read = view_counter.view_records._read


class Bucket:
    """S3, as far as the function calls it."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Record]] = {}
        self.is_unavailable = False

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803
        if self.is_unavailable:
            raise refusal("SlowDown")
        self.objects[Key] = [json.loads(Body)["record"]]


class KeyGroup:
    """One of the shard's two key groups; a partition key is always in the same one."""

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
        self.groups = [KeyGroup(), KeyGroup()]
        self.sent: dict[int, tuple[str, Record]] = {}
        self.shard = self.discarded = 0
        self.fixed = False
        view_counter.view_records._read = self.read

    def read(self, kinesis: dict[str, Any], *key: str) -> tuple[int, str | None]:
        if not self.fixed and kinesis["kinesisSchemaVersion"] == "failing":
            raise ZeroDivisionError
        return read(kinesis, *key)

    # Senders, the stream, deployments and S3

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
            made["kinesis"]["kinesisSchemaVersion"] = kind  # the broken release raises on "failing"
            self.sent[sequence] = (kind, made)
            self.groups[number % 2].waiting.append(made)

    @rule()
    def shard_splits(self) -> None:
        self.shard += 1

    @rule()
    def release(self) -> None:
        self.fixed = not self.fixed

    @rule()
    def s3_fails_or_recovers(self) -> None:
        self.bucket.is_unavailable = not self.bucket.is_unavailable

    # Lambda

    @rule(
        which=st.integers(0, 1),
        size=st.integers(1, 8),
        fault=st.sampled_from(("", "", *FAULTS)),
        call=st.integers(1, 4),
        number=st.integers(0, 2),
    )
    def batch_is_delivered(self, which: int, size: int, fault: str, call: int, number: int) -> None:
        """Deliver a batch. A retry may have another size, and the last one discards the batch."""
        group = self.groups[which]
        shards = [each["eventID"].partition(":")[0] for each in group.waiting]
        batch = [each for each in group.waiting[:size] if each["eventID"].startswith(shards[0])]
        if not batch:
            return
        other = self.groups[1 - which]
        event = {"Records": batch}
        answer = self.invoke(event, fault, call, number, lambda: self.deliver_one(other))
        done = len(batch)
        if answer is None:
            done = 0
        elif failures := answer["batchItemFailures"]:
            numbers = [each["kinesis"]["sequenceNumber"] for each in batch]
            done = numbers.index(failures[0]["itemIdentifier"])
        group.tries = group.tries + 1 if done == 0 else 0
        if group.tries == MAX_TRIES:
            self.discard(group, len(batch))
            return
        del group.waiting[:done]

    def deliver_one(self, group: KeyGroup) -> None:
        """Deliver one record without a fault."""
        if batch := group.waiting[:1]:
            answer = self.handler({"Records": batch}, Context(self.counting.clock))
            if not answer["batchItemFailures"]:
                del group.waiting[:1]

    def discard(self, group: KeyGroup, size: int) -> None:
        self.discarded += 1
        self.bucket.objects[f"batch-{self.discarded}"] = group.waiting[:size]
        del group.waiting[:size]
        group.tries = 0

    @precondition(lambda self: any(group.waiting for group in self.groups))
    @rule(size=st.integers(1, 8))
    def records_get_too_old(self, size: int) -> None:
        group = max(self.groups, key=lambda group: len(group.waiting))
        self.discard(group, size)

    # The operator

    @precondition(lambda self: self.bucket.objects)
    @rule(
        data=st.data(),
        fault=st.sampled_from(("", "", *FAULTS)),
        call=st.integers(1, 3),
        number=st.integers(0, 2),
    )
    def failure_is_redriven(self, data: st.DataObject, fault: str, call: int, number: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.bucket.objects)))
        concurrent = data.draw(
            st.sampled_from(
                [
                    lambda: self.redrive(key),
                    lambda: self.deliver_one(self.groups[0]),
                    lambda: self.deliver_one(self.groups[1]),
                ]
            )
        )
        self.redrive(key, fault, call, number, concurrent)

    def redrive(
        self,
        key: str,
        fault: str = "",
        call: int = 1,
        number: int = 0,
        concurrent: Callable[[], None] = lambda: None,
    ) -> None:
        records = self.bucket.objects[key]
        event = {"redrive": {"records": records}}
        answer = self.invoke(event, fault, call, number, concurrent)
        if answer is None or answer["batchItemFailures"]:
            return
        assert answer["counted"] + answer["already_counted"] + answer["poison"] == len(records)
        if key.startswith("batch") or not answer["poison"]:
            self.bucket.objects.pop(key, None)

    # Faults

    def invoke(
        self,
        event: dict[str, Any],
        fault: str,
        call: int,
        number: int,
        concurrent: Callable[[], None],
    ) -> dict[str, Any] | None:
        """The handler's answer, None if it was killed; call number `call` has the fault."""
        tables = self.counting.tables
        calls = 0
        has_acted = False

        def at_the_call(act: Callable[[], None]) -> Callable[..., None]:
            def hook(*_: object) -> None:
                nonlocal calls, has_acted
                calls += 1
                if calls >= call and not has_acted:
                    has_acted = True
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
                tables.before = at_the_call(raises(CrashError()))
            case "crash after":
                tables.after = at_the_call(raises(CrashError()))
            case "lost answer":
                tables.after = at_the_call(raises(timeout))
            case "throttle":
                self.counting.clock.left = 10.05
                tables.before = at_the_call(raises(refusal("ThrottlingException")))
            case "photo busy":
                self.counting.clock.left = 10.05 if call % 2 else 20
                tables.busy = lambda action: (
                    "TransactionConflict"
                    if action["Key"]["photo_id"]["S"] == photo(number)
                    else None
                )
            case "concurrent":
                tables.before = at_the_call(concurrent)
        try:
            return dict(self.handler(event, Context(self.counting.clock)))
        except (CrashError, ExceptionGroup):
            return None
        finally:
            tables.before = tables.after = lambda *_: None
            tables.busy = lambda _: None

    # Checks

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
        self.bucket.is_unavailable = False
        for group in self.groups:
            while group.waiting:
                self.counting.clock.left = 20
                self.deliver_one(group)
        for _ in range(2):  # the first redrive quarantines the poison of batches
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
    """The handler, without logs and metrics, and with small transactions."""
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
    monkeypatch.setattr(view_counter.segments, "_MAX_ROWS", 4)
    monkeypatch.setattr(view_counter.view_records, "_read", read)
    monkeypatch.setattr(shared.quarantine, "MAX_UNEXPECTED", 3)
    module = importlib.reload(importlib.import_module("view_counter.handler"))
    for powertool in ("logger", "metrics"):
        monkeypatch.setattr(module, powertool, Mock())
    return module


def test_every_view_is_counted_once_and_all_poison_is_kept(module: ModuleType):
    run_state_machine_as_test(
        type("History", (History,), {"module": module}),
        settings=settings(
            max_examples=500, stateful_step_count=40, deadline=None, database=None, print_blob=True
        ),
    )
