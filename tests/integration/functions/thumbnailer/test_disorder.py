import pytest

from shared.photos import Status
from tests.support.faults import At
from tests.support.uploads import Invoke, Uploads, Written, etag_of, jpeg


def test_duplicate_changes_nothing(uploads: Uploads, invoke: Invoke, output: Written):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    invoke(event)
    first = uploads.photo(photo_id)

    invoke(event)

    assert uploads.photo(photo_id) == first
    uploads.assert_nothing_orphaned(photo_id)
    written = output()
    assert written.count("PhotosReady") == 1
    assert written.count("UploadsRepeated") == 1


def test_duplicate_of_an_unusable_photo_changes_nothing(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, b"no photo")
    invoke(event)
    first = uploads.photo(photo_id)
    invoke(event)
    assert uploads.photo(photo_id) == first


def test_concurrent_duplicate_changes_nothing(
    at: At, uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())

    with at("before-call.dynamodb.UpdateItem", lambda: invoke(event)):
        invoke(event)

    assert uploads.photo(photo_id).version == 2
    uploads.assert_nothing_orphaned(photo_id)
    written = output()
    assert written.count("PhotosReady") == 1
    assert written.count("UploadsRepeated") == 1


def test_later_upload_is_ignored_and_leaves_nothing(
    uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, jpeg("red")))
    first = uploads.photo(photo_id)

    invoke(uploads.upload(photo_id, jpeg("blue")))

    assert uploads.photo(photo_id) == first
    uploads.assert_nothing_orphaned(photo_id)
    assert output().count("UploadsIgnored") == 1


def test_duplicate_of_an_event_leaves_the_original(uploads: Uploads, invoke: Invoke):
    for data in (jpeg(), b"no photo"):
        photo_id = uploads.create_photo()
        event = uploads.upload(photo_id, data)
        for _ in range(2):
            invoke(event)
        assert uploads.stored_original(photo_id) == etag_of(event)


def test_upload_that_replaced_the_original_is_removed(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, jpeg("red")))
    invoke(uploads.upload(photo_id, jpeg("blue")))
    assert uploads.stored_original(photo_id) is None


def test_event_of_a_replaced_upload_leaves_the_original(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    earlier = uploads.upload(photo_id, jpeg("red"))
    original = uploads.upload(photo_id, jpeg("blue"))
    invoke(original)
    invoke(earlier)
    assert uploads.stored_original(photo_id) == etag_of(original)


@pytest.mark.parametrize("color", ["red", "blue"])
def test_upload_that_is_put_back_after_the_deletion_is_removed(
    uploads: Uploads, invoke: Invoke, color: str
):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, jpeg("red")))
    uploads.delete_photo(photo_id)
    invoke(uploads.upload(photo_id, jpeg(color)))
    assert uploads.stored_original(photo_id) is None
    uploads.drop_record(photo_id)
    invoke(uploads.upload(photo_id, jpeg(color)))
    assert uploads.stored_original(photo_id) is None


def test_upload_after_an_unusable_one_is_ignored(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, b"no photo"))
    first = uploads.photo(photo_id)
    invoke(uploads.upload(photo_id, jpeg()))
    assert uploads.photo(photo_id) == first
    uploads.assert_nothing_orphaned(photo_id)


def test_upload_overwritten_before_its_event_leaves_the_photo_to_the_later_one(
    uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo()
    earlier = uploads.upload(photo_id, jpeg("red"))
    later = uploads.upload(photo_id, jpeg("blue"))

    invoke(earlier)
    assert uploads.photo(photo_id).status is Status.PENDING
    assert output().count("UploadsIgnored") == 1

    invoke(later)
    assert uploads.photo(photo_id).etag == etag_of(later)
    uploads.assert_nothing_orphaned(photo_id)


def test_later_event_that_arrives_first_wins(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    earlier = uploads.upload(photo_id, jpeg("red"))
    later = uploads.upload(photo_id, jpeg("blue"))
    invoke(later)
    invoke(earlier)
    assert uploads.photo(photo_id).etag == etag_of(later)
    uploads.assert_nothing_orphaned(photo_id)


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
def test_same_content_uploaded_again_after_another_is_one_photo(
    uploads: Uploads, invoke: Invoke, order: tuple[int, ...]
):
    photo_id = uploads.create_photo()
    events = [uploads.upload(photo_id, jpeg(color)) for color in ("red", "blue", "red")]
    for index in order:
        invoke(events[index])
    photo = uploads.photo(photo_id)
    assert (photo.status, photo.version) == (Status.READY, 2)
    assert photo.etag == etag_of(events[0])
    uploads.assert_nothing_orphaned(photo_id)


def test_photo_deleted_before_its_event_stays_deleted(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    uploads.delete_photo(photo_id)
    invoke(event)
    assert (uploads.photo(photo_id).status, uploads.photo(photo_id).version) == (Status.DELETED, 2)
    uploads.assert_nothing_orphaned(photo_id)


@pytest.mark.parametrize(
    ("data", "moment"),
    [
        *(
            pytest.param(data, moment, id=f"{name}-{moment}")
            for name, data in {"usable": jpeg(), "unusable": b"no photo"}.items()
            for moment in (
                "after-call.dynamodb.GetItem",
                "after-call.s3.GetObject",
                "before-call.dynamodb.UpdateItem",
                "after-call.dynamodb.UpdateItem",
                "after-call.s3.ListObjectsV2",
            )
        ),
        (jpeg(), "before-call.s3.PutObject"),
        (jpeg(), "after-call.s3.PutObject"),
    ],
)
def test_photo_deleted_meanwhile_stays_deleted(
    at: At, uploads: Uploads, invoke: Invoke, moment: str, data: bytes
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, data)
    with at(moment, lambda: uploads.delete_photo(photo_id)):
        invoke(event)
    assert uploads.photo(photo_id).status is Status.DELETED
    uploads.assert_nothing_orphaned(photo_id)


def test_concurrent_duplicate_does_not_restore_renditions_of_a_deleted_photo(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())

    def win_and_delete() -> None:
        invoke(event)
        uploads.delete_photo(photo_id)

    with at("before-call.s3.PutObject", win_and_delete):
        invoke(event)
    assert uploads.photo(photo_id).status is Status.DELETED
    uploads.assert_nothing_orphaned(photo_id)


def test_record_that_is_deleted_meanwhile_leaves_no_renditions(
    at: At, uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, jpeg())
    with at("before-call.dynamodb.UpdateItem", lambda: uploads.drop_record(photo_id)):
        invoke(event)
    assert uploads.stored_renditions(photo_id) == set()
