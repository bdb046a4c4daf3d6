import json
from collections import Counter
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

import view_counter.segments
from fakes.view_records import SHARD, Clock, Record, minutes, photo, poison, record, totals
from shared.quarantine import BrokenReleaseError
from shared.settings import SettingsError
from tests.support.faults import At, CrashError, raising, refusal
from tests.support.moto_stack import MotoStack
from tests.support.repository import load_template
from tests.support.uploads import Written, load_event

PHOTOS = ("019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60", "019a9fb3-5d21-7f00-8b1c-2a4e6c8f0b13")
ALL_WELL: dict[str, Any] = {"batchItemFailures": []}
BUCKET = "failedbatchesbucket"


def rows(stack: MotoStack) -> list[dict[str, Any]]:
    return [dict(item) for item in stack.dynamodb.scan(TableName="ViewsTable")["Items"]]


def quarantine(stack: MotoStack) -> dict[str, dict[str, Any]]:
    """Quarantined records, by key."""
    keys = [stored["Key"] for stored in stack.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {
        key: json.loads(stack.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys
    }


def number_of(made: Record) -> str:
    return str(made["kinesis"]["sequenceNumber"])


def test_views_are_counted_by_photo_and_minute(stack: MotoStack, invoke: Any, output: Written):
    assert invoke(load_event("kinesis_views_recorded")) == ALL_WELL
    assert totals(rows(stack)) == {PHOTOS[0]: 2, PHOTOS[1]: 1}
    assert minutes(rows(stack)) == {
        (PHOTOS[0], "minute#2026-11-20T12:34Z"): 1,
        (PHOTOS[0], "minute#2026-11-20T12:35Z"): 1,
        (PHOTOS[1], "minute#2026-11-20T12:34Z"): 1,
    }
    written = output()
    assert written.count("ViewsCounted") == 3
    assert written.count("RecordsQuarantined") == 0
    assert written.metrics[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert [line["function_request_id"] for line in written.log]


def test_total_has_the_documented_attributes(stack: MotoStack, invoke: Any):
    invoke({"Records": [record(1)]})
    [total] = [row for row in rows(stack) if row["period"]["S"] == "total"]
    assert total["last_sequence"]["S"] == number_of(record(1))
    assert total["counted_at"]["S"].endswith("Z")


def test_batch_delivered_again_counts_nothing(stack: MotoStack, invoke: Any, output: Written):
    event = load_event("kinesis_views_recorded")
    assert [invoke(event), invoke(event)] == [ALL_WELL, ALL_WELL]
    assert sum(totals(rows(stack)).values()) == 3
    assert output().count("ViewsCounted") == 3


def test_poison_is_quarantined_whole_and_its_neighbors_are_counted(
    stack: MotoStack, invoke: Any, output: Written
):
    event = load_event("kinesis_poison_among_views")
    assert invoke(event) == ALL_WELL
    assert totals(rows(stack)) == {PHOTOS[0]: 1, PHOTOS[1]: 1}
    bad = event["Records"][1:4]
    kept = quarantine(stack)
    assert set(kept) == {f"quarantine/view_counter/{SHARD}/{number_of(each)}.json" for each in bad}
    assert [each["record"] for each in kept.values()] == bad
    written = output()
    assert written.count("RecordsQuarantined") == 3
    errors = [line for line in written.log if line["level"] == "ERROR"]
    assert {line["position"] for line in errors} == {f"{SHARD}/{number_of(each)}" for each in bad}
    assert all(line["reason"] for line in errors)
    assert [line["photo_id"] for line in errors] == [
        each["kinesis"]["partitionKey"] for each in bad
    ]


def test_partition_key_that_is_not_a_photo_id_is_not_logged_as_one(
    invoke: Any, at: At, output: Written
):
    with at("before-call.s3.PutObject", raising(refusal("SlowDown"))):
        invoke({"Records": [record(1, "a person's name", data=b"not JSON")]})
    invoke({"Records": [record(1, "a person's name", data=b"not JSON")]})
    lines = [line for line in output().log if line["level"] == "ERROR"]
    assert [line["message"] for line in lines] == ["quarantine_failed", "record_quarantined"]
    assert lines[0]["position"] == lines[1]["position"]
    assert "photo_id" not in lines[0].keys() | lines[1].keys()


def test_poison_never_creates_a_row(stack: MotoStack, invoke: Any):
    invoke({"Records": [poison(1), record(2, photo(0), key=photo(1)), record(3, "photo")]})
    assert rows(stack) == []


def test_record_of_a_megabyte_of_blanks_is_quarantined(stack: MotoStack, invoke: Any):
    nothing = record(1, data=bytes(1024 * 1024))
    assert invoke({"Records": [nothing, record(2)]}) == ALL_WELL
    [kept] = quarantine(stack).values()
    assert kept["record"] == nothing
    assert totals(rows(stack)) == {photo(0): 1}


def test_poison_that_cannot_be_quarantined_is_retried(stack: MotoStack, invoke: Any, at: At):
    batch = [record(1), poison(2), record(3)]
    with at("before-call.s3.PutObject", raising(refusal("SlowDown"))):
        answer = invoke({"Records": batch})
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(batch[1])}]}
    assert invoke({"Records": batch[1:]}) == ALL_WELL
    assert totals(rows(stack)) == {photo(0): 2}
    assert len(quarantine(stack)) == 1


def test_lowest_of_views_left_and_poison_left_is_reported(invoke: Any, at: At, clock: Clock):
    clock.left = 10.05
    batch = [poison(1), record(2)]
    throttle = raising(refusal("ThrottlingException"))
    with (
        at("before-call.dynamodb.TransactWriteItems", throttle),
        at("before-call.s3.PutObject", raising(refusal("SlowDown"))),
    ):
        answer = invoke({"Records": batch})
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(batch[0])}]}


def test_without_time_the_first_record_is_reported_and_nothing_is_begun(
    stack: MotoStack, invoke: Any, clock: Clock
):
    clock.left = 9
    answer = invoke({"Records": [poison(1), record(2)]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(record(1))}]}
    assert not rows(stack)
    assert not quarantine(stack)


def test_batch_of_a_broken_release_fails_before_the_first_write(
    stack: MotoStack, invoke: Any, monkeypatch: pytest.MonkeyPatch
):
    import view_counter.view_records

    monkeypatch.setattr(view_counter.view_records, "_read", raising(ZeroDivisionError()))
    with pytest.raises(BrokenReleaseError):
        invoke({"Records": [record(number) for number in range(11)]})
    assert not rows(stack)
    assert not quarantine(stack)


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_retry_finishes_what_a_crash_left(stack: MotoStack, invoke: Any, at: At, moment: str):
    batch = [record(number, photo(number)) for number in range(60)]
    crash = raising(CrashError())
    with at(f"{moment}.dynamodb.TransactWriteItems", crash), pytest.raises(CrashError):
        invoke({"Records": batch})
    assert invoke({"Records": batch}) == ALL_WELL
    assert totals(rows(stack)) == Counter(each["kinesis"]["partitionKey"] for each in batch)


def test_lost_answer_counts_no_view_twice(stack: MotoStack, invoke: Any, at: At):
    timeout = raising(ReadTimeoutError(endpoint_url="https://aws"))
    with at("after-call.dynamodb.TransactWriteItems", timeout):
        assert invoke({"Records": [record(1), record(2)]}) == ALL_WELL
    assert totals(rows(stack)) == {photo(0): 2}


def test_write_that_botocore_sends_again_carries_the_same_token(module: ModuleType, invoke: Any):
    """DynamoDB knows it by that for ten minutes, and answers what it answered before."""
    tokens: list[str] = []

    def lose_the_first(request_dict: Any, **_: Any) -> int | None:
        tokens.append(json.loads(request_dict["body"])["ClientRequestToken"])
        return 0 if len(tokens) == 1 else None

    hooks = module.view_counter.dynamodb.meta.events
    hooks.register_first("needs-retry.dynamodb.TransactWriteItems", lose_the_first)
    assert invoke({"Records": [record(1)]}) == ALL_WELL
    assert tokens[0] == tokens[1]


def answered(**counts: int) -> dict[str, int]:
    """The fields of the answer that only a redrive gets."""
    return {"counted": 0, "left_out": 0, "already_counted": 0, "poison": 0, **counts}


def test_failed_batch_is_redriven_once(stack: MotoStack, invoke: Any):
    redrive = load_event("kinesis_failed_batch_redriven")
    invoke({"Records": redrive["redrive"]["records"][:1]})
    assert invoke(redrive) == ALL_WELL | answered(counted=2, already_counted=1)
    assert invoke(redrive) == ALL_WELL | answered(already_counted=3)
    assert sum(totals(rows(stack)).values()) == 3


def test_poison_of_a_redriven_batch_goes_to_quarantine(stack: MotoStack, invoke: Any):
    batch = load_event("kinesis_poison_among_views")["Records"]
    assert invoke({"redrive": {"records": batch}}) == ALL_WELL | answered(counted=2, poison=3)
    assert len(quarantine(stack)) == 3


def test_redriven_record_that_is_still_poison_stays_unchanged(stack: MotoStack, invoke: Any):
    invoke({"Records": [poison(1)]})
    [kept] = quarantine(stack).values()
    answer = invoke({"redrive": {"records": [kept["record"]]}})
    assert answer == ALL_WELL | answered(poison=1)
    assert list(quarantine(stack).values()) == [kept]


def test_redrive_that_runs_out_of_time_says_so(invoke: Any, clock: Clock):
    clock.left = 9
    answer = invoke({"redrive": {"records": [record(1)]}})
    assert answer["batchItemFailures"] == [{"itemIdentifier": number_of(record(1))}]
    assert answer["counted"] == 0


def test_longest_call_is_shorter_than_the_time_kept_for_it(module: ModuleType):
    for client in (module.s3, module.view_counter.dynamodb):
        config = client.meta.config
        tries = config.retries["total_max_attempts"]
        pauses = tries - 1  # at most a second each, in the standard mode
        assert tries * (config.connect_timeout + config.read_timeout) + pauses < 10


def test_receipts_are_kept_longer_than_failed_batches():
    resources = load_template()["Resources"]
    stream = resources["ViewsStream"]["Properties"]["RetentionPeriodHours"] / 24
    rules = resources["FailedBatchesBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [kept] = [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]
    lifetime = view_counter.segments.RECEIPT_LIFETIME_SECONDS / 86400
    # A view may lie a retention before its arrival, and be given up a retention after it.
    assert 2 * stream + kept < lifetime <= 2 * (2 * stream + kept), "and not for long after it"


def test_missing_variable_is_named_when_the_function_starts(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stack, "environment", lambda _: {"VIEWS_TABLE": "ViewsTable"})
    monkeypatch.delenv("FAILED_BATCHES_BUCKET", raising=False)
    with pytest.raises(SettingsError, match="FAILED_BATCHES_BUCKET"):
        stack.handler("view_counter")
