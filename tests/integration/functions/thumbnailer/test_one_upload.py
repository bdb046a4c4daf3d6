import re
from typing import Any

import pytest

from shared.photos import MAX_UPLOAD_BYTES, Status, rendition_key, upload_key
from tests.support.uploads import Invoke, Uploads, Written, etag_of, jpeg, load_event


def test_upload_makes_photo_ready(uploads: Uploads, invoke: Invoke):
    photo_id = uploads.create_photo()
    data = jpeg("#008080", (800, 600))
    event = uploads.upload(photo_id, data)
    etag = etag_of(event)

    invoke(event)

    photo = uploads.photo(photo_id)
    assert (photo.status, photo.version, photo.error) == (Status.READY, 2, None)
    assert (photo.content_type, photo.bytes) == ("image/jpeg", len(data))
    assert (photo.width, photo.height) == (800, 600)
    assert photo.color is not None
    assert re.fullmatch("#[0-9a-f]{6}", photo.color)
    assert photo.etag == etag
    assert photo.uploaded_at == "2026-11-20T12:34:56.789Z"
    assert photo.ready_at is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", photo.ready_at)
    assert photo.expires_at is None
    assert (photo.owner, photo.title) == ("maria", "Harbour at dusk")
    assert photo.renditions.keys() == {"thumb", "small", "large"}
    for name, rendition in photo.renditions.items():
        assert rendition.key == rendition_key(photo_id, etag, name)
        assert rendition.bytes == uploads.rendition(rendition.key)["ContentLength"]
    uploads.assert_nothing_orphaned(photo_id)


def test_renditions_are_cached_for_a_year_by_browsers_and_a_day_by_the_cdn(
    uploads: Uploads, invoke: Invoke
):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, jpeg()))
    stored = uploads.rendition(uploads.photo(photo_id).renditions["thumb"].key)
    assert stored["ContentType"] == "image/webp"
    assert stored["CacheControl"] == "public, max-age=31536000, s-maxage=86400, immutable"
    assert stored["Metadata"] == {"cache-tag": f"photo-{photo_id}"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"GIF89a is only how this text begins", "read|damaged", id="not_an_image"),
        pytest.param(jpeg(size=(640, 480))[:700], "damaged|incomplete", id="truncated"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_unusable_photo_fails_with_a_reason_and_is_not_retried(
    uploads: Uploads, invoke: Invoke, output: Written, data: bytes, reason: str
):
    photo_id = uploads.create_photo()
    event = uploads.upload(photo_id, data)

    invoke(event)

    photo = uploads.photo(photo_id)
    assert (photo.status, photo.version) == (Status.FAILED, 2)
    assert photo.error
    assert re.search(reason, photo.error)
    assert photo.etag == etag_of(event)
    assert photo.uploaded_at == "2026-11-20T12:34:56.789Z"
    assert (photo.ready_at, photo.renditions, photo.bytes) == (None, {}, 1)
    uploads.assert_nothing_orphaned(photo_id)
    written = output()
    assert [(line["level"], line["message"], line["reason"]) for line in written.log] == [
        ("WARNING", "upload_processed", photo.error)
    ]
    assert written.count("PhotosFailed") == 1


def test_oversized_upload_fails_without_being_read(
    uploads: Uploads, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "botocore.response.StreamingBody.read", lambda *_: pytest.fail("the body was read")
    )
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, bytes(MAX_UPLOAD_BYTES + 1)))
    photo = uploads.photo(photo_id)
    assert photo.status is Status.FAILED
    assert photo.error == "The file is too large: 25.1 MB, the limit is 25 MB."


def test_form_encoded_key_is_decoded(uploads: Uploads, invoke: Invoke):
    event = load_event("s3_key_with_encoded_characters")
    photo_id = uploads.create_photo("día de playa+1")
    uploads.put_object_of(event["Records"][0], upload_key(photo_id), jpeg())
    invoke(event)
    assert uploads.photo(photo_id).status is Status.READY
    uploads.assert_nothing_orphaned(photo_id)


def test_foreign_key_is_ignored(invoke: Invoke, output: Written):
    invoke(load_event("s3_foreign_object_created"))
    written = output()
    assert written.log[0]["reason"] == "the key is not uploads/<photo_id>"
    assert written.log[0]["key"] == "uploads/folder/readme.txt"
    assert written.count("UploadsIgnored") == 1


def test_upload_without_a_record_is_ignored(uploads: Uploads, invoke: Invoke, output: Written):
    invoke(uploads.upload("nobody", jpeg()))
    assert uploads.stored_renditions("nobody") == set()
    assert uploads.stored_original("nobody") is None
    written = output()
    assert written.log[0]["reason"] == "there is no such photo"
    assert written.count("UploadsIgnored") == 1


RESTORED: dict[str, Any] = load_event("s3_photo_uploaded")
RESTORED["Records"][0]["eventName"] = "ObjectRestore:Completed"
WITHOUT_ETAG: dict[str, Any] = load_event("s3_photo_uploaded")
del WITHOUT_ETAG["Records"][0]["s3"]["object"]["eTag"]


@pytest.mark.parametrize(
    "event",
    [
        load_event("s3_notifications_set_up"),
        RESTORED,
        WITHOUT_ETAG,
        {},
        {"httpMethod": "GET"},
        {"Records": [{}]},
    ],
)
def test_event_that_is_not_a_notification_raises(invoke: Invoke, event: dict[str, Any]):
    expected = "thumbnailer expects S3 notifications of created and removed objects"
    with pytest.raises(Exception, match=expected) as raised:
        invoke(event)
    assert type(raised.value).__name__ == "UnexpectedEventError"
