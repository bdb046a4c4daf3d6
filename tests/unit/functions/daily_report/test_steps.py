"""Steps of the report on stores in memory, with concurrent changes and faults."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from daily_report.state import MAX_REMOVED, State
from daily_report.steps import LEASE
from fakes.large_gallery import LargeGallery, photo, row
from fakes.stores import NOW, ago, photo_id, refused, steps
from shared.photo_ids import new_photo_id
from tests.support.faults import CrashError

EVENT: dict[str, Any] = {"run": {"execution": "one", "started_at": NOW.isoformat()}}
ID = photo_id(1)
WELL = {"created_at": ago(days=9)}


@pytest.fixture
def gallery() -> LargeGallery:
    return LargeGallery()


def step(
    gallery: LargeGallery, event: dict[str, Any] | None = None, *, looks: int = 10_000
) -> dict[str, Any]:
    """One step, whose time ends after this number of checks."""
    state = msgspec.convert(event or EVENT, State)
    left = iter(range(looks, -1, -1))
    gallery.report.step(state, lambda: next(left, 0))
    return {**msgspec.to_builtins(state), "done": state.done}


def run(gallery: LargeGallery, event: dict[str, Any] = EVENT) -> dict[str, Any]:
    """All steps; the last state."""
    *_, last = steps(lambda event: step(gallery, event), event)
    return last


def report_of(gallery: LargeGallery) -> dict[str, Any]:
    [key] = gallery.buckets.keys("reports-bucket")
    return dict(json.loads(gallery.buckets.body("reports-bucket", key)))


def stored(gallery: LargeGallery, table: str) -> dict[str, dict[str, Any]]:
    return {item["photo_id"]["S"]: item for item in gallery.tables.items(table)}


def at_write_of(gallery: LargeGallery, operation: str, table: str, act: Any) -> None:
    """Do something right before the report's first such write."""

    def before(name: str, request: dict[str, Any]) -> None:
        if name == operation and request["TableName"] == table:
            gallery.tables.before = lambda *_: None
            act()

    gallery.tables.before = before


@pytest.mark.parametrize("old", [None, row(1, version=1)], ids=["missing", "stale"])
def test_row_that_was_replicated_meanwhile_is_not_undone(gallery: LargeGallery, old: Any):
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    if old:
        gallery.tables.put("catalog", old)
    newer = row(1, "DELETED", 3)
    at_write_of(gallery, "PutItem", "catalog", lambda: gallery.tables.put("catalog", newer))
    run(gallery)
    assert stored(gallery, "catalog") == {ID: newer}


def test_extra_row_that_was_replaced_meanwhile_is_not_removed(gallery: LargeGallery):
    gallery.tables.put("catalog", row(1))
    newer = row(1, version=3)
    at_write_of(gallery, "DeleteItem", "catalog", lambda: gallery.tables.put("catalog", newer))
    run(gallery)
    assert stored(gallery, "catalog") == {ID: newer}


def test_photo_that_became_ready_meanwhile_does_not_fail(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "PENDING", 1, created_at=ago(days=2)))
    ready = photo(1, "READY", 2, created_at=ago(days=2))
    at_write_of(gallery, "PutItem", "photos", lambda: gallery.tables.put("photos", ready))
    run(gallery)
    assert stored(gallery, "photos") == {ID: ready}


def test_drift_that_is_repaired_before_the_second_read_is_not_written(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    state = step(gallery)
    assert state["todo"] == [("drift.missing", ID)]
    gallery.tables.put("catalog", row(1))
    run(gallery, json.loads(json.dumps(state)))
    assert gallery.tables.writes["catalog", ID] == 0


def test_writes_and_deletions_follow_consistent_reads_only(gallery: LargeGallery):
    """DynamoDB's other reads may be old, which no store in memory shows."""
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    orphan = f"uploads/{photo_id(2)}"
    gallery.buckets.store("uploads-bucket", orphan, NOW - timedelta(days=2))
    todo = [["drift.missing", ID], ["orphans.uploads", orphan]]
    reads: list[bool] = []

    def note(name: str, request: dict[str, Any]) -> None:
        if name == "BatchGetItem":
            reads.extend(asked["ConsistentRead"] for asked in request["RequestItems"].values())

    gallery.tables.before = note
    step(gallery, {**EVENT, "phase": "report", "todo": todo})
    assert reads == [True, True, True]
    assert stored(gallery, "catalog").keys() == {ID}
    assert gallery.buckets.keys("uploads-bucket") == []


def test_finding_is_confirmed_by_consistent_reads(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    reads: list[bool] = []

    def note(name: str, request: dict[str, Any]) -> None:
        if name == "BatchGetItem":
            reads.extend(asked["ConsistentRead"] for asked in request["RequestItems"].values())

    gallery.tables.before = note
    step(gallery)
    assert reads == [False, False, True, True]


def test_object_that_a_record_needs_by_now_is_not_removed(gallery: LargeGallery):
    keys = {"uploads": f"uploads/{ID}", "media": f"photos/{ID}/0123/thumb.webp"}
    for bucket, key in keys.items():
        gallery.buckets.store(f"{bucket}-bucket", key, NOW - timedelta(days=2))
    found = json.loads(json.dumps(step(gallery)))
    assert found["todo"] == [
        ["orphans.uploads", keys["uploads"]],
        ["orphans.renditions", keys["media"]],
    ]
    gallery.tables.put("photos", photo(1, "PENDING", 1, created_at=ago(hours=1)))
    run(gallery, found)
    for bucket, key in keys.items():
        assert gallery.buckets.keys(f"{bucket}-bucket") == [key]


def test_row_is_read_before_its_photo(gallery: LargeGallery):
    """Otherwise what is written and replicated between the two reads looks like an extra row."""
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    gallery.tables.put("catalog", row(1, version=1))

    def after(name: str, request: dict[str, Any]) -> None:
        if (
            name == "BatchGetItem"
            and next(iter(request["RequestItems"].values()))["ConsistentRead"]
        ):
            gallery.tables.after = lambda *_: None
            written = photo(1, "READY", 3, **WELL) | {"ready_at": {"S": ago(seconds=1)}}
            gallery.tables.put("photos", written)
            gallery.tables.put("catalog", row(1, version=3))

    gallery.tables.after = after
    run(gallery)
    assert "drift" not in report_of(gallery)


def test_a_step_repairs_only_findings_of_its_input(gallery: LargeGallery):
    """A killed step is repeated with the same input, so it must repair nothing else."""
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    found = step(gallery)
    assert found["counts"]["drift.missing"] == 1
    assert stored(gallery, "catalog") == {}

    def die(name: str, request: dict[str, Any]) -> None:
        if name == "PutItem" and request["TableName"] == "catalog":
            raise CrashError

    gallery.tables.after = die
    event = json.loads(json.dumps(found))
    with pytest.raises(CrashError):
        step(gallery, event)
    gallery.tables.after = lambda *_: None
    assert stored(gallery, "catalog").keys() == {ID}
    run(gallery, event)
    assert report_of(gallery)["drift"] == {"missing": 1}
    assert gallery.tables.writes["catalog", ID] == 1


def die_after_delete(gallery: LargeGallery) -> dict[str, Any]:
    """The input of a step that was killed after it had removed a row."""
    found = json.loads(json.dumps(step(gallery)))
    assert found["todo"] == [["drift.extra", ID]]

    def die(name: str, _: object) -> None:
        if name == "DeleteItem":
            raise CrashError

    gallery.tables.after = die
    with pytest.raises(CrashError):
        step(gallery, found)
    gallery.tables.after = lambda *_: None
    assert stored(gallery, "catalog") == {}
    return found


def test_row_that_was_newer_than_its_photo_is_put_by_the_repetition(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    gallery.tables.put("catalog", row(1, version=9))
    run(gallery, die_after_delete(gallery))
    assert stored(gallery, "catalog")[ID]["version"] == {"N": "2"}
    assert report_of(gallery)["drift"] == {"extra": 1}


def test_repetition_repairs_only_findings_of_its_input(gallery: LargeGallery):
    pending = photo(1, "PENDING", 1, created_at=ago(days=2))
    gallery.tables.put("photos", pending)
    gallery.tables.put("catalog", row(1))
    run(gallery, die_after_delete(gallery))
    assert stored(gallery, "photos") == {ID: pending}
    assert "abandoned" not in report_of(gallery)


def test_failure_of_aws_fails_the_step_and_its_repetition_succeeds(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "READY", **WELL))

    def throttle(name: str, _: object) -> None:
        if name == "Scan":
            raise refused("ProvisionedThroughputExceededException")

    gallery.tables.before = throttle
    with pytest.raises(ClientError):
        step(gallery)
    gallery.tables.before = lambda *_: None
    run(gallery)
    assert report_of(gallery)["drift"] == {"missing": 1}


def test_upload_that_changes_while_its_event_is_sent_again_fails_the_step(gallery: LargeGallery):
    gallery.tables.put("photos", photo(1, "PENDING", 1, created_at=ago(days=2)))
    key = f"uploads/{ID}"
    gallery.buckets.store("uploads-bucket", key, NOW - timedelta(days=2), b"photo")
    found = json.loads(json.dumps(step(gallery)))

    def overwrite(name: str, _: object) -> None:
        if name == "CopyObject":
            gallery.buckets.store("uploads-bucket", key, NOW, b"another")

    gallery.buckets.before = overwrite
    with pytest.raises(ClientError):
        step(gallery, found)
    run(gallery, found)
    assert gallery.buckets.body("uploads-bucket", key) == b"another"
    assert gallery.buckets.writes["uploads-bucket", key] == 0, (
        "S3 sends the event of the new upload itself"
    )


def test_keys_that_a_batch_did_not_answer_are_asked_for_again(
    gallery: LargeGallery, monkeypatch: pytest.MonkeyPatch
):
    for number in range(30):
        gallery.tables.put("photos", photo(number, "READY", **WELL))
    whole = gallery.tables.batch_get_item

    def seven_at_a_time(**request: Any) -> dict[str, Any]:
        [(table, asked)] = request["RequestItems"].items()
        now, later = asked["Keys"][:7], asked["Keys"][7:]
        answer = whole(RequestItems={table: {**asked, "Keys": now}})
        return answer | {"UnprocessedKeys": {table: {**asked, "Keys": later}} if later else {}}

    monkeypatch.setattr(gallery.tables, "batch_get_item", seven_at_a_time)
    run(gallery)
    assert len(stored(gallery, "catalog")) == 30


def test_what_is_found_from_both_sides_counts_once():
    """As when a photo and its row are in segments that are read at the same time."""
    gallery = LargeGallery(salts={"catalog": "an order of its own"})
    for number in range(40):
        gallery.tables.put("photos", photo(number, "READY", **WELL))
        gallery.tables.put("catalog", row(number, version=1))
    run(gallery)
    assert report_of(gallery)["drift"] == {"stale": 40}


def test_emptied_table_does_not_empty_the_buckets(gallery: LargeGallery):
    for number in range(MAX_REMOVED + 5):
        key = f"uploads/{photo_id(number)}"
        gallery.buckets.store("uploads-bucket", key, NOW - timedelta(days=2))
    run(gallery)
    assert report_of(gallery)["orphans"] == {"uploads": MAX_REMOVED, "left": 5}
    assert len(gallery.buckets.keys("uploads-bucket")) == 5


def test_same_date_again_gives_the_same_report(gallery: LargeGallery):
    assert run(gallery)["report"] == "reports/2026-11-21.json"
    before = report_of(gallery)
    gallery.now += timedelta(hours=1)
    gallery.tables.put("photos", photo(1, "READY", **WELL))
    again = step(gallery, {"run": {**EVENT["run"], "execution": "two"}})
    assert again["done"]
    assert again["skipped"] == "reports/2026-11-21.json exists already"
    assert report_of(gallery) == before


def test_second_execution_for_a_date_ends_at_once(gallery: LargeGallery):
    first = step(gallery, looks=1)
    assert not first["done"]
    calls = gallery.tables.calls.copy()
    second = step(gallery, {"run": {**EVENT["run"], "execution": "two"}})
    assert second["skipped"] == "another execution is making the report of this date"
    assert (gallery.tables.calls - calls) == {"PutItem": 1}
    assert run(gallery, json.loads(json.dumps(first)))["report"]


def test_claim_of_a_stopped_execution_expires_and_its_later_step_ends(gallery: LargeGallery):
    first = json.loads(json.dumps(step(gallery, looks=1)))
    other = {"run": {**EVENT["run"], "execution": "two"}}
    gallery.now += LEASE
    assert step(gallery, other)["skipped"], "not a second too early"
    gallery.now += timedelta(seconds=1)
    second = step(gallery, other, looks=1)
    assert not second["done"]
    assert step(gallery, first)["skipped"]
    assert run(gallery, json.loads(json.dumps(second)))["report"]


def test_every_step_keeps_the_claim(gallery: LargeGallery):
    state = json.loads(json.dumps(step(gallery, looks=1)))
    gallery.now += LEASE
    step(gallery, state, looks=1)
    gallery.now += LEASE
    assert step(gallery, {"run": {**EVENT["run"], "execution": "two"}})["skipped"]


def test_last_step_whose_answer_was_lost_finds_its_report(gallery: LargeGallery):
    *_, before_last, _ = [EVENT, *steps(lambda event: step(gallery, event, looks=3), EVENT)]
    before = report_of(gallery)
    gallery.now += timedelta(minutes=1)
    assert step(gallery, before_last)["report"] == "reports/2026-11-21.json"
    assert report_of(gallery) == before


def test_step_without_time_does_nothing(gallery: LargeGallery):
    gallery.tables.put("catalog", row(1))
    found = json.loads(json.dumps(step(gallery)))
    assert found["todo"] == [["drift.extra", ID]]
    for event, sizes in ((EVENT, {"DescribeTable": 2}), (found, {})):
        calls = gallery.tables.calls.copy()
        answer = json.loads(json.dumps(step(gallery, event, looks=0)))
        assert (gallery.tables.calls - calls) == {"PutItem": 1} | sizes, "the claim"
        assert answer["todo"] == event.get("todo", [])


def in_shares(gallery: LargeGallery) -> dict[str, Any]:
    return run(gallery, {**EVENT, "photos_per_share": 10})


def test_large_gallery_is_reported_in_shares_like_in_one():
    whole, shared = LargeGallery(200), LargeGallery(200)
    run(whole)
    assert in_shares(shared)["report"] == "reports/2026-11-21.json"
    [key, *others] = sorted(shared.buckets.keys("reports-bucket"), reverse=True)
    assert len(others) == 20, "parts"
    report = json.loads(shared.buckets.body("reports-bucket", key))
    assert report == report_of(whole)


def test_objects_of_all_times_are_in_exactly_one_share(gallery: LargeGallery):
    for days in range(2, 42):
        gallery.tables.put("photos", photo(days, "FAILED", **WELL))
        key = f"uploads/{new_photo_id(NOW - timedelta(days=days))}"
        gallery.buckets.store("uploads-bucket", key, NOW - timedelta(days=2))
    for key in ("photos/", "photos/~", "photos/not-an-id/1/thumb.webp"):
        gallery.buckets.store("media-bucket", key, NOW - timedelta(days=2), b"1234")
    in_shares(gallery)
    report = json.loads(gallery.buckets.body("reports-bucket", "reports/2026-11-21.json"))
    assert report["uploads"]["count"] == 40
    assert report["renditions"] == {"count": 3, "bytes": 12}
    assert report["orphans"]["uploads"] == 40
    counts = [
        json.loads(gallery.buckets.body("reports-bucket", key))["counts"].get("uploads.count", 0)
        for key in gallery.buckets.keys("reports-bucket")
        if key.startswith("parts/")
    ]
    assert sum(counts) == 40
    assert max(counts) < 20


def test_part_of_another_execution_fails_the_report(gallery: LargeGallery):
    state = json.loads(json.dumps(step(gallery, {**EVENT, "photos_per_share": 1}))) | {
        "phase": "shares",
        "shares": [{"number": 0, "total": 1}],
    }
    other = b'{"execution": "two", "counts": {}, "examples": {}}'
    gallery.buckets.store("reports-bucket", "parts/2026-11-21/0.json", NOW, other)
    with pytest.raises(RuntimeError, match="is of the execution two"):
        step(gallery, state)


def test_page_with_more_orphans_than_a_step_takes_is_continued(gallery: LargeGallery):
    for number in range(250):
        key = f"uploads/{photo_id(number)}"
        gallery.buckets.store("uploads-bucket", key, NOW - timedelta(days=2), b"1")
    found = step(gallery)
    assert len(found["todo"]) == 100
    assert found["counts"]["uploads.count"] == 100
    run(gallery, json.loads(json.dumps(found)))
    assert report_of(gallery)["orphans"] == {"uploads": 250}
    assert report_of(gallery)["uploads"] == {"count": 250, "bytes": 250}


def test_date_is_that_of_the_schedule_or_else_of_the_start(gallery: LargeGallery):
    late = {**EVENT, "scheduled_at": "2026-11-20T23:58:00Z"}
    assert run(gallery, late)["report"] == "reports/2026-11-20.json"
    assert run(gallery)["report"] == "reports/2026-11-21.json"
