"""An original that is removed without its photo is reported; the owner's deletion is not."""

import copy
from types import ModuleType

import pytest

from tests.support.faults import At, raising, refusal
from tests.support.uploads import Invoke, Uploads, Written, jpeg, load_event
from thumbnailer.notifications import objects_in


@pytest.fixture
def ready(uploads: Uploads, invoke: Invoke) -> str:
    """The id of a READY photo."""
    photo_id = uploads.create_photo(correlation_id="one")
    invoke(uploads.upload(photo_id, jpeg()))
    return photo_id


def test_original_that_was_removed_by_hand_is_reported(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    event = uploads.remove_original(ready)
    before = uploads.photo(ready)
    invoke(event)
    written = output()
    line = written.log[-1]
    assert (line["level"], line["message"]) == ("ERROR", "original_missing")
    assert (line["photo_id"], line["correlation_id"]) == (ready, "one")
    assert line["removed_by"] == "AWS:AROAEXAMPLE:gallery_api"
    assert written.count("OriginalsMissing") == 1
    assert uploads.photo(ready) == before
    assert len(uploads.stored_renditions(ready)) == 3


def test_original_that_other_bytes_have_replaced_is_reported(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    invoke(uploads.upload(ready, jpeg() + b"other bytes"))
    ignored = output()
    assert ignored.log[-1]["message"] == "upload_processed"
    assert (ignored.log[-1]["outcome"], ignored.log[-1]["photo_id"]) == ("UploadsIgnored", ready)
    invoke(uploads.removal(ready))
    assert output().log[-1]["message"] == "original_missing"


def test_deletion_by_the_owner_is_not_reported(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    uploads.delete_photo(ready)
    invoke(uploads.removal(ready))
    uploads.drop_record(ready)
    invoke(uploads.removal(ready))
    assert output().count("OriginalsMissing") == 0


def test_original_that_was_put_back_is_not_missing(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    event = uploads.remove_original(ready)
    invoke(uploads.upload(ready, jpeg()))
    invoke(event)
    written = output()
    assert written.count("OriginalsMissing") == 0
    assert written.count("UploadsRepeated") == 1


def test_photo_that_is_deleted_during_the_check_is_not_reported(
    at: At, ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    with at("before-call.s3.HeadObject", lambda: uploads.delete_photo(ready)):
        invoke(uploads.removal(ready))
    assert output().count("OriginalsMissing") == 0


def test_photo_that_is_uploaded_again_during_the_check_is_not_reported(
    module: ModuleType, at: At, uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo()
    event = uploads.remove_original(photo_id)

    def upload_again() -> None:
        [upload] = objects_in(uploads.upload(photo_id, jpeg()))
        module.thumbnailer.process(upload)

    with at("before-call.dynamodb.GetItem", upload_again):
        invoke(event)
    assert uploads.photo(photo_id).status == "READY"
    assert output().count("OriginalsMissing") == 0


def test_removed_original_of_a_photo_without_renditions_is_not_reported(
    uploads: Uploads, invoke: Invoke, output: Written
):
    pending, failed = uploads.create_photo(), uploads.create_photo()
    invoke(uploads.upload(failed, b"no photo"))
    for photo_id in (pending, failed):
        invoke(uploads.remove_original(photo_id))
    foreign = load_event("s3_original_removed")
    foreign["Records"][0]["s3"]["object"]["key"] = "uploads/folder/readme.txt"
    invoke(foreign)
    assert output().count("OriginalsMissing") == 0


def test_delete_marker_of_a_versioned_bucket_is_a_removal(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    event = uploads.remove_original(ready)
    event["Records"][0]["eventName"] = "ObjectRemoved:DeleteMarkerCreated"
    del event["Records"][0]["userIdentity"]
    invoke(event)
    written = output()
    assert written.count("OriginalsMissing") == 1
    assert "removed_by" not in written.log[-1]


def test_refused_check_is_raised_and_the_retry_reports(
    at: At, ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    event = uploads.remove_original(ready)
    with at("before-call.s3.HeadObject", raising(refusal("403"))), pytest.raises(ExceptionGroup):
        invoke(event)
    assert output().log[-1]["message"] == "removal_check_failed"
    invoke(event)
    assert output().count("OriginalsMissing") == 1


def test_removal_and_upload_in_one_event_are_both_processed(
    ready: str, uploads: Uploads, invoke: Invoke, output: Written
):
    event = copy.deepcopy(uploads.remove_original(ready))
    photo_id = uploads.create_photo()
    event["Records"] += uploads.upload(photo_id, jpeg())["Records"]
    invoke(event)
    assert output().count("OriginalsMissing") == 1
    assert uploads.photo(photo_id).status == "READY"
