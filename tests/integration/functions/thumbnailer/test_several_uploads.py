from typing import Any

import pytest

from shared.photos import Status, upload_key
from tests.support.faults import raising
from tests.support.uploads import Invoke, Uploads, Written, jpeg, load_event
from thumbnailer import uploads as uploads_module
from thumbnailer.renditions import render


def two_photos(uploads: Uploads, *data: bytes) -> tuple[list[str], dict[str, Any]]:
    event = load_event("s3_two_photos_uploaded")
    photo_ids = []
    for record, content in zip(event["Records"], data, strict=True):
        photo_ids.append(uploads.create_photo())
        record["s3"]["object"]["key"] = upload_key(photo_ids[-1])
        uploads.put_object_of(record, upload_key(photo_ids[-1]), content)
    return photo_ids, event


def test_every_upload_of_an_event_is_processed(uploads: Uploads, invoke: Invoke):
    photo_ids, event = two_photos(uploads, jpeg("red"), jpeg("blue"))
    invoke(event)
    assert [uploads.photo(photo_id).status for photo_id in photo_ids] == ["READY", "READY"]


def test_unusable_photo_does_not_lose_its_neighbour(uploads: Uploads, invoke: Invoke):
    photo_ids, event = two_photos(uploads, b"no photo", jpeg())
    invoke(event)
    assert [uploads.photo(photo_id).status for photo_id in photo_ids] == ["FAILED", "READY"]


def test_faulty_upload_is_raised_after_its_neighbour_is_done(
    uploads: Uploads, invoke: Invoke, output: Written, monkeypatch: pytest.MonkeyPatch
):
    photo_ids, event = two_photos(uploads, jpeg("red"), jpeg("blue"))
    bug = ZeroDivisionError("a bug of ours")
    outcomes = iter([raising(bug), lambda: None])
    monkeypatch.setattr(uploads_module, "render", lambda data: (next(outcomes)(), render(data))[1])

    with pytest.raises(
        ExceptionGroup, match=f"1 of 2 objects failed: uploads/{photo_ids[0]}: "
    ) as raised:
        invoke(event)

    assert raised.value.exceptions == (bug,)
    assert [uploads.photo(photo_id).status for photo_id in photo_ids] == ["PENDING", "READY"]
    neighbour = uploads.photo(photo_ids[1])
    written = output()
    assert written.count("PhotosReady") == 1
    assert [(line["level"], line["photo_id"]) for line in written.log] == [
        ("ERROR", photo_ids[0]),
        ("INFO", photo_ids[1]),
    ]
    assert "ZeroDivisionError: a bug of ours" in written.log[0]["exception"]

    monkeypatch.setattr(uploads_module, "render", render)
    invoke(event)

    assert uploads.photo(photo_ids[0]).status is Status.READY
    assert uploads.photo(photo_ids[1]) == neighbour
