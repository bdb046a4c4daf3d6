from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.photos import Status, rendition_key
from tests.support.faults import At, CrashError, raising, refusal
from tests.support.uploads import Invoke, Uploads, Written, etag_of, jpeg


@pytest.mark.parametrize(
    "moment",
    [
        "after-call.dynamodb.GetItem",
        "after-call.s3.GetObject",
        "after-call.s3.PutObject",
        "before-call.dynamodb.UpdateItem",
        "after-call.dynamodb.UpdateItem",
        "after-call.s3.ListObjectsV2",
    ],
)
def test_retry_finishes_what_a_crash_left(at: At, uploads: Uploads, invoke: Invoke, moment: str):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    with at(moment, raising(CrashError())), pytest.raises(CrashError):
        invoke(event)

    invoke(event)

    assert (uploads.photo(photo_id).status, uploads.photo(photo_id).version) == (Status.READY, 2)
    uploads.assert_nothing_orphaned(photo_id)


def crash_before_the_record(at: At, invoke: Invoke, event: dict[str, Any]) -> None:
    crash = raising(CrashError())
    with at("before-call.dynamodb.UpdateItem", crash), pytest.raises(CrashError):
        invoke(event)


def test_renditions_of_a_crashed_run_are_deleted_when_another_upload_has_won(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    crashed = uploads.upload(photo_id, jpeg("red"))
    crash_before_the_record(at, invoke, crashed)
    invoke(uploads.upload(photo_id, jpeg("blue")))
    invoke(crashed)
    uploads.assert_nothing_orphaned(photo_id)


def test_renditions_of_a_crashed_run_are_deleted_even_if_its_retry_precedes_the_winner(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    crashed = uploads.upload(photo_id, jpeg("red"))
    crash_before_the_record(at, invoke, crashed)
    winner = uploads.upload(photo_id, jpeg("blue"))
    invoke(crashed)
    assert uploads.photo(photo_id).status is Status.PENDING
    invoke(winner)
    assert uploads.photo(photo_id).status is Status.READY
    uploads.assert_nothing_orphaned(photo_id)


def test_renditions_of_a_crashed_run_are_deleted_when_the_photo_was_deleted(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    crash_before_the_record(at, invoke, event)
    uploads.delete_photo(photo_id)
    invoke(event)
    assert uploads.photo(photo_id).status is Status.DELETED
    uploads.assert_nothing_orphaned(photo_id)


def test_renditions_of_a_crashed_run_are_deleted_if_the_photo_is_deleted_during_its_retry(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    crash_before_the_record(at, invoke, event)
    with at("before-call.s3.GetObject", lambda: uploads.delete_photo(photo_id)):
        invoke(event)
    assert uploads.photo(photo_id).status is Status.DELETED
    uploads.assert_nothing_orphaned(photo_id)


def test_renditions_of_a_pending_photo_stay(uploads: Uploads, invoke: Invoke):
    """A concurrent invocation may be about to write their keys into the record."""
    photo_id = uploads.create_photo()
    overwritten = uploads.upload(photo_id, jpeg("red"))
    uploads.upload(photo_id, jpeg("blue"))
    etag = etag_of(overwritten)
    uploads.put_rendition(rendition_key(photo_id, etag, "thumb"))
    invoke(overwritten)
    assert uploads.stored_renditions(photo_id) == {rendition_key(photo_id, etag, "thumb")}


def test_lost_answer_of_the_winning_write_is_harmless(
    module: ModuleType, uploads: Uploads, invoke: Invoke, output: Written
):
    """botocore sends the write again, and the second is refused because of the first."""
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    answers: list[object] = []

    def lose_the_first(response: object, **_: object) -> int | None:
        answers.append(response)
        return 0 if len(answers) == 1 else None  # seconds until botocore tries again

    hooks = module.thumbnailer.dynamodb.meta.events
    hooks.register_first("needs-retry.dynamodb.UpdateItem", lose_the_first)
    invoke(event)
    hooks.unregister("needs-retry.dynamodb.UpdateItem", lose_the_first)

    assert len(answers) == 2
    assert (uploads.photo(photo_id).status, uploads.photo(photo_id).version) == (Status.READY, 2)
    uploads.assert_nothing_orphaned(photo_id)
    assert output().count("UploadsIgnored") == 0


@pytest.mark.parametrize(
    "operation",
    [
        "dynamodb.GetItem",
        "s3.GetObject",
        "s3.PutObject",
        "dynamodb.UpdateItem",
        "s3.ListObjectsV2",
    ],
)
@pytest.mark.parametrize(
    "fault",
    [refusal("ThrottlingException"), ReadTimeoutError(endpoint_url="https://aws")],
    ids=["throttle", "timeout"],
)
def test_fault_of_the_platform_is_raised_and_the_retry_succeeds(
    at: At, uploads: Uploads, invoke: Invoke, operation: str, fault: Exception
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    with (
        at(f"before-call.{operation}", raising(fault)),
        pytest.raises(ExceptionGroup) as raised,
    ):
        invoke(event)
    assert type(raised.value).__name__ == "ThumbnailingError"
    assert raised.value.exceptions == (fault,)

    invoke(event)

    assert uploads.photo(photo_id).status is Status.READY
    uploads.assert_nothing_orphaned(photo_id)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
def test_refusal_to_read_is_a_fault_and_not_a_missing_upload(
    at: At, uploads: Uploads, invoke: Invoke, code: str
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    with at("before-call.s3.GetObject", raising(refusal(code))), pytest.raises(ExceptionGroup):
        invoke(event)
    assert uploads.photo(photo_id).status is Status.PENDING


def test_retry_completes_a_failed_removal_of_renditions(at: At, uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    uploads.put_rendition(rendition_key(photo_id, "crashed", "thumb"))
    event = uploads.upload(photo_id, jpeg())
    slow_down = raising(refusal("SlowDown"))
    with at("before-call.s3.DeleteObject", slow_down), pytest.raises(ExceptionGroup):
        invoke(event)
    invoke(event)
    assert uploads.photo(photo_id).status is Status.READY
    uploads.assert_nothing_orphaned(photo_id)
