"""A photo through the deployed stack: API, presigned POST, S3 event, thumbnailer, record, media."""

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from demo.client import Gallery
from demo.samples import landscape, upright_landscape
from localcloud.cloud import Cloud
from tests.e2e.conftest import awaited


def jpeg(width: int = 800, height: int = 600) -> bytes:
    file = io.BytesIO()
    landscape(width, height).save(file, "JPEG", quality=90)
    return file.getvalue()


def media(cloud: Cloud, stack: dict[str, str], photo_id: str) -> dict[str, Any]:
    listed = cloud.client("s3").list_objects_v2(
        Bucket=stack["MediaBucketName"], Prefix=f"photos/{photo_id}/"
    )
    return {item["Key"]: item for item in listed.get("Contents", [])}


def test_photo_becomes_ready_with_three_renditions(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    data = upright_landscape(2400, 1800)
    created = gallery.create_photo("Dusk", "image/jpeg", len(data))
    assert created["photo"]["status"] == "PENDING"
    gallery.upload(created["upload"], data)
    photo = gallery.taken(created["photo"]["photo_id"])
    assert (photo["status"], photo["width"], photo["height"]) == ("READY", 1800, 2400)
    assert photo["bytes"] == len(data)
    sizes = {name: (r["width"], r["height"]) for name, r in photo["renditions"].items()}
    assert sizes == {"thumb": (192, 256), "small": (480, 640), "large": (1200, 1600)}
    stored = media(cloud, stack, photo["photo_id"])
    assert {"/" + key for key in stored} == {r["path"] for r in photo["renditions"].values()}
    for rendition in photo["renditions"].values():
        answer = cloud.client("s3").get_object(
            Bucket=stack["MediaBucketName"], Key=rendition["path"].removeprefix("/")
        )
        assert answer["ContentType"] == "image/webp"
        assert "immutable" in answer["CacheControl"]
        body = answer["Body"].read()
        assert len(body) == rendition["bytes"]
        with Image.open(io.BytesIO(body)) as image:
            assert image.format == "WEBP"
            assert image.size == (rendition["width"], rendition["height"])
            assert not image.getexif()


def test_file_that_is_not_a_photo_fails_with_a_reason(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    data = b"Dear gallery, " * 20
    created = gallery.create_photo("A letter", "image/png", len(data))
    gallery.upload(created["upload"], data)
    photo = gallery.taken(created["photo"]["photo_id"])
    assert photo["status"] == "FAILED"
    assert "not an image" in photo["error"]
    assert media(cloud, stack, photo["photo_id"]) == {}


def test_second_upload_through_the_same_post_changes_nothing(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    first, second = jpeg(800, 600), jpeg(640, 480)
    created = gallery.create_photo("Twice", "image/jpeg", len(first))
    gallery.upload(created["upload"], first)
    photo = gallery.taken(created["photo"]["photo_id"])
    ignored = _ignored(cloud, stack)
    gallery.upload(created["upload"], second)
    awaited(lambda: _ignored(cloud, stack) > ignored)
    assert gallery.photo(photo["photo_id"]) == photo
    assert {"/" + key for key in media(cloud, stack, photo["photo_id"])} == {
        rendition["path"] for rendition in photo["renditions"].values()
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": "uploads/somebody-elses"}, "AccessDenied"),
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({}, "EntityTooLarge"),
    ],
    ids=["another key", "another type", "too large"],
)
def test_presigned_post_allows_what_it_says_and_nothing_else(
    gallery: Gallery, change: dict[str, str], code: str
):
    data = jpeg() if change else bytes(25 * 1024 * 1024 + 1)
    upload = gallery.create_photo("Forged", "image/jpeg", 1000)["upload"]
    answer = httpx.post(
        upload["url"],
        data=upload["fields"] | change,
        files={"file": ("file", data)},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code in {400, 403}
    assert code in answer.text


def test_logs_are_json_with_request_and_photo(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    created = gallery.create_photo("Logged", "image/jpeg", 1000)
    photo_id = created["photo"]["photo_id"]
    gallery.upload(created["upload"], jpeg())
    gallery.taken(photo_id)
    for group in (stack["ThumbnailerLogGroupName"], stack["GalleryApiLogGroupName"]):
        entry = awaited(lambda group=group: _entry(cloud, group, photo_id))
        assert entry["function_request_id"]
        assert entry["level"] == "INFO"


def test_event_that_keeps_failing_is_kept_and_succeeds_after_the_fix(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    """The fault is a permission taken away, so this also shows that IAM is enforced."""
    iam, sqs = cloud.client("iam"), cloud.client("sqs")
    arn = cloud.client("lambda").get_function_configuration(
        FunctionName=stack["ThumbnailerFunctionName"]
    )["Role"]
    role = arn.rsplit("/", 1)[-1]
    granted = iam.get_role_policy(RoleName=role, PolicyName="Thumbnailer")["PolicyDocument"]
    reduced = granted | {
        "Statement": [each for each in granted["Statement"] if each["Sid"] != "TakeAPhoto"]
    }
    put = {"RoleName": role, "PolicyName": "Thumbnailer"}
    data = jpeg()
    created = gallery.create_photo("Unlucky", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    iam.put_role_policy(**put, PolicyDocument=json.dumps(reduced))
    try:
        gallery.upload(created["upload"], data)
        queue = stack["FailedEventsQueueUrl"]
        [message] = awaited(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 60)
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(granted))
    kept = json.loads(message["Body"])
    assert "AccessDenied" in json.dumps(kept["responsePayload"])
    assert kept["requestPayload"]["Records"][0]["s3"]["object"]["key"] == f"uploads/{photo_id}"
    assert gallery.photo(photo_id)["status"] == "PENDING"
    cloud.client("lambda").invoke(
        FunctionName=stack["ThumbnailerFunctionName"],
        Qualifier="live",
        InvocationType="Event",
        Payload=json.dumps(kept["requestPayload"]),
    )
    assert gallery.taken(photo_id)["status"] == "READY"


def _ignored(cloud: Cloud, stack: dict[str, str]) -> int:
    messages = _messages(cloud, stack["ThumbnailerLogGroupName"])
    return sum("is READY already" in message for message in messages)


def _entry(cloud: Cloud, group: str, photo_id: str) -> dict[str, Any] | None:
    for message in _messages(cloud, group):
        if photo_id in message and message.startswith("{"):
            return dict(json.loads(message))
    return None


def _messages(cloud: Cloud, group: str) -> list[str]:
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"].strip() for page in pages for event in page["events"]]
