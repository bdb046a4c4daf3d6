"""Each kind of finding: its report and its repair."""

from datetime import timedelta
from types import ModuleType

import pytest

from shared.photos import Status
from shared.view_rows import TOTALS
from tests.integration.functions.daily_report.gallery import Gallery
from tests.support.uploads import Written

TOMORROW = timedelta(days=1, hours=1)


def test_gallery_without_findings_is_only_read(gallery: Gallery, module: ModuleType):
    for status in (Status.READY, Status.DELETED):
        gallery.put_row(gallery.put_photo(status))
    photo = gallery.put_photo(Status.PENDING, days_old=0.9)
    gallery.upload(photo)
    gallery.put_photo(Status.FAILED)
    written: list[str] = []

    def note(model: object, params: dict[str, object], **_: object) -> None:
        name = model.name  # type: ignore[attr-defined]
        if name.startswith(("Put", "Update", "Delete", "Copy", "Transact", "BatchWrite")):
            written.append(f"{name} {params['url_path']} {params['body']!r}")

    for client in (module.dynamodb, module.s3):
        client.meta.events.register("before-call", note)
    report = gallery.report()
    for client in (module.dynamodb, module.s3):
        client.meta.events.unregister("before-call", note)
    assert report["headlines"] == dict.fromkeys(report["headlines"], 0)
    assert report["photos"] == {"READY": 1, "DELETED": 1, "PENDING": 1, "FAILED": 1, "bytes": 1000}
    others = [call for call in written if "daily_report#" not in call and "/reports/" not in call]
    assert others == []
    assert len(written) == 2, "the claim, and the report"


def test_each_kind_of_drift_is_repaired_and_reported(gallery: Gallery):
    well, missing, stale = (gallery.put_photo() for _ in range(3))
    undeleted, tombstone, unlisted = (gallery.put_photo(Status.DELETED) for _ in range(3))
    pending, failed = (
        gallery.put_photo(Status.PENDING, days_old=0.1),
        gallery.put_photo(Status.FAILED),
    )
    for photo in (well, pending, failed):
        gallery.put_row(photo, status=Status.READY)
    gallery.put_row(undeleted, status=Status.READY, version=2, expires_at=None)
    gallery.put_row(tombstone)
    gallery.put_row(stale, version=1, title="Before")
    gallery.put_row(well, photo_id="019a9fb2-0c7b-7c3e-9a52-ffffffffffff")
    report = gallery.report()
    assert report["drift"] == {"missing": 2, "stale": 2, "extra": 3}
    assert report["examples"] == {
        "drift.missing": [missing.photo_id, unlisted.photo_id],
        "drift.stale": [stale.photo_id, undeleted.photo_id],
        "drift.extra": [pending.photo_id, failed.photo_id, "019a9fb2-0c7b-7c3e-9a52-ffffffffffff"],
    }
    assert report["headlines"]["Drift"] == 7
    rows = gallery.rows()
    assert {id_: (row["status"], row["version"]) for id_, row in rows.items()} == {
        photo.photo_id: (photo.status, photo.version)
        for photo in (well, missing, stale, undeleted, tombstone, unlisted)
    }
    assert rows[stale.photo_id]["title"] == stale.title
    assert rows[missing.photo_id]["feed"] == "photos"
    assert "owner" not in rows[missing.photo_id]


def test_row_newer_than_its_photo_is_replaced_from_the_photo(gallery: Gallery):
    photo = gallery.put_photo()
    gallery.put_row(photo, version=9, title="From nowhere")
    assert gallery.report()["drift"] == {"extra": 1}
    assert gallery.rows()[photo.photo_id]["version"] == photo.version


@pytest.mark.parametrize("status", [Status.READY, Status.DELETED])
def test_recent_writes_are_not_drift(gallery: Gallery, status: Status):
    gallery.put_photo(status, days_old=4 / 60 / 24)
    assert gallery.rows() == {}
    report = gallery.report()
    assert "drift" not in report
    assert gallery.rows() == {}
    later = gallery.event(begins_in=timedelta(minutes=2), scheduled_at="2030-01-01T00:00:00Z")
    assert gallery.report(later)["drift"] == {"missing": 1}


def test_expired_tombstones_count_as_missing_on_both_sides(gallery: Gallery):
    gallery.put_photo(Status.DELETED, days_old=31)
    old = gallery.put_photo(Status.DELETED, days_old=31)
    gallery.put_row(old)
    report = gallery.report()
    assert "drift" not in report
    assert "photos" not in report
    assert set(gallery.rows()) == {old.photo_id}


def test_tombstone_without_a_photo_is_left_to_expire(gallery: Gallery):
    photo = gallery.put_photo(Status.DELETED)
    gallery.put_row(photo, photo_id="019a9fb2-0c7b-7c3e-9a52-ffffffffffff")
    gallery.put_row(photo)
    assert "drift" not in gallery.report()


def test_photo_that_was_never_uploaded_fails_with_a_reason(gallery: Gallery):
    abandoned = gallery.put_photo(Status.PENDING, days_old=1.1)
    awaited = gallery.put_photo(Status.PENDING, days_old=0.9)
    report = gallery.report()
    assert report["abandoned"] == {"failed": 1}
    assert report["headlines"]["UploadsAbandoned"] == 1
    photo = gallery.photo(abandoned.photo_id)
    assert (photo.status, photo.error, photo.version) == (Status.FAILED, "never uploaded", 2)
    assert photo.owner == abandoned.owner
    assert gallery.photo(awaited.photo_id) == awaited


def test_lost_event_of_an_upload_is_sent_again(gallery: Gallery, module: ModuleType):
    photo = gallery.put_photo(Status.PENDING, days_old=0)
    gallery.upload(photo, b"the photo")
    made = gallery.uploaded_at(photo)
    copies: list[object] = []
    told = module.s3.meta.events
    told.register("after-call.s3.CopyObject", lambda **answer: copies.append(answer))
    report = gallery.report(gallery.event(begins_in=TOMORROW))
    assert len(copies) == 1
    assert report["abandoned"] == {"resent": 1}
    assert report["headlines"]["EventsResent"] == 1
    assert gallery.uploaded_at(photo) >= made
    stored = gallery.stack.s3.get_object(
        Bucket=gallery.stack.names["UploadsBucket"], Key=f"uploads/{photo.photo_id}"
    )
    assert (stored["Body"].read(), stored["ContentType"]) == (b"the photo", "image/jpeg")
    assert gallery.photo(photo.photo_id) == photo, "that is the thumbnailer's to change"


def test_event_of_a_recent_upload_is_not_sent_again(gallery: Gallery):
    photo = gallery.put_photo(Status.PENDING, days_old=2)
    gallery.upload(photo)
    assert "abandoned" not in gallery.report()
    assert gallery.photo(photo.photo_id) == photo


def test_upload_that_stays_pending_is_reported_as_stuck_and_not_as_repaired(
    gallery: Gallery, output: Written
):
    photo = gallery.put_photo(Status.PENDING, days_old=2)
    gallery.upload(photo)
    before = gallery.uploaded_at(photo)
    report = gallery.report(gallery.event(begins_in=TOMORROW))
    assert report["abandoned"] == {"stuck": 1}
    assert report["headlines"]["PhotosStuck"] == 1
    assert report["examples"] == {"abandoned.stuck": [photo.photo_id]}
    assert gallery.uploaded_at(photo) == before
    assert gallery.photo(photo.photo_id) == photo
    assert "finding_repaired" not in {line["message"] for line in output().log}


def test_only_objects_without_a_record_are_removed(gallery: Gallery):
    photos = {status: gallery.put_photo(status, days_old=0) for status in Status}
    nobody = "019a9fb2-0c7b-7c3e-9a52-ffffffffffff"
    owners = [*(photo.photo_id for photo in photos.values()), nobody]
    for owner in owners:
        gallery.upload(owner)
    foreign = ["uploads/", "uploads/a/b", "photos/a", "photos//abc/thumb.webp"]
    for key in foreign:
        gallery.put_object("UploadsBucket" if key.startswith("u") else "MediaBucket", key, b"")
    left = [gallery.put_rendition(owner, "left").key for owner in owners]
    ready = photos[Status.READY]
    named = gallery.put_rendition(ready.photo_id, "named")
    gallery.put_photo(photo_id=ready.photo_id, renditions={"thumb": named})
    gallery.put_row(photos[Status.READY])
    gallery.put_row(photos[Status.DELETED])

    today = gallery.report(gallery.event())
    assert "orphans" not in today, "they are young"
    assert today["renditions"]["count"] == 8
    tomorrow = gallery.report(
        gallery.event(begins_in=TOMORROW, scheduled_at="2030-01-01T00:00:00Z")
    )
    assert tomorrow["orphans"] == {"uploads": 2, "renditions": 4}
    assert tomorrow["headlines"]["OrphansRemoved"] == 6
    gone = {Status.DELETED, None}
    kept = [f"uploads/{photos[status].photo_id}" for status in Status if status not in gone]
    assert sorted(gallery.keys("UploadsBucket")) == sorted([*kept, *foreign[:2]])
    of_pending = next(key for key in left if photos[Status.PENDING].photo_id in key)
    assert sorted(gallery.keys("MediaBucket")) == sorted([named.key, of_pending, *foreign[2:]])


def test_malformed_records_are_reported_and_stay_unchanged(gallery: Gallery):
    well, drifted = gallery.put_photo(), gallery.put_photo()
    gallery.put_row(well)
    gallery.put_malformed("PhotosTable", "malformed-photo")
    gallery.put_malformed("CatalogTable", "malformed-row")
    gallery.put_row(well, photo_id="malformed-photo")
    gallery.put_photo(photo_id="malformed-row")
    gallery.upload("malformed-photo")
    gallery.put_rendition("malformed-photo")
    gallery.stack.dynamodb.put_item(
        TableName=gallery.stack.names["ViewsTable"],
        Item={"photo_id": {"S": "a"}, "period": {"S": "total"}, "views": {"S": "many"}},
    )
    report = gallery.report(gallery.event(begins_in=TOMORROW))
    assert report["malformed"] == {"photos": 1, "catalog": 1, "views": 1}
    assert report["headlines"]["RecordsMalformed"] == 3
    assert report["drift"] == {"missing": 1}
    assert set(gallery.rows()) == {
        well.photo_id,
        drifted.photo_id,
        "malformed-photo",
        "malformed-row",
    }
    assert gallery.rows()["malformed-row"]["version"] == "two"
    assert gallery.keys("UploadsBucket") == ["uploads/malformed-photo"]
    assert len(gallery.keys("MediaBucket")) == 1


def test_most_viewed_photo_may_have_its_views_under_several_keys(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
):
    """Also if a page of the ranking ends among its rows."""
    monkeypatch.setattr("daily_report.ranking.PAGE_SIZE", 3)
    for number in range(40):
        gallery.put_views(gallery.put_photo().photo_id, "total", 1000 + number)
    spread = gallery.put_photo().photo_id
    for total in TOTALS:
        gallery.put_views(spread, total, 100)
    gallery.put_views(spread, "minute#2026-11-20T00:00Z#3", 7)
    report = gallery.report(gallery.event(scheduled_at="2026-11-21T03:00:00Z"))
    assert report["top_photos"][0] == {"photo_id": spread, "views": 1700}
    assert [top["views"] for top in report["top_photos"][1:]] == list(range(1039, 1030, -1))
    assert report["views"]["total"] == 1700 + sum(range(1000, 1040))
    assert report["views"]["day_before"] == 7


def test_report_has_the_day_in_numbers(gallery: Gallery):
    for number in range(12):
        photo = gallery.put_photo()
        gallery.put_row(photo)
        gallery.put_views(photo.photo_id, "total", 100 + number)
        gallery.put_views(photo.photo_id, "minute#2026-11-20T00:00Z", 2)
        gallery.put_views(photo.photo_id, "minute#2026-11-20T23:59Z", 1)
        gallery.put_views(photo.photo_id, "minute#2026-11-19T23:59Z", 50)
        gallery.put_views(photo.photo_id, "minute#2026-11-21T00:00Z", 50)
    gallery.put_views("deleted", "total", 1000, expires_at=1_797_776_096)
    gallery.put_object("FailedBatchesBucket", "aws/lambda/a/b", b"")
    gallery.put_object("FailedBatchesBucket", "quarantine/view_counter/1.json", b"")
    gallery.put_object("FailedBatchesBucket", "quarantine/view_counter/2.json", b"")
    for _ in range(3):
        gallery.send_failed_event()
    report = gallery.report(gallery.event(scheduled_at="2026-11-21T03:00:00Z"))
    assert report["date"] == "2026-11-21"
    assert report["photos"] == {"READY": 12, "bytes": 12_000}
    assert report["views"] == {"total": sum(range(100, 112)), "day_before": 36}
    assert [top["views"] for top in report["top_photos"]] == list(range(111, 101, -1))
    assert report["top_photos"][0] == {"photo_id": photo.photo_id, "views": 111}
    assert report["failed_events"]["count"] == 3
    assert report["failed_batches"]["count"] == 1
    assert report["quarantine"]["count"] == 2
    assert report["headlines"]["FailedEventsWaiting"] == 6
