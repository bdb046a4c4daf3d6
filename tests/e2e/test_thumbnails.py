"""A photo through the deployed stack: API, presigned PUT, S3 event, thumbnailer, record, media."""

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from demo.application import STACK
from demo.client import Gallery
from demo.samples import upright_landscape
from localcloud.cloud import Cloud
from localcloud.stack import Stack
from tests.support.gallery_photos import jpeg
from tests.support.throttles import throttles
from tests.support.waiting import awaited


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
    photo = gallery.settled(created["photo"]["photo_id"])
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
    photo = gallery.settled(created["photo"]["photo_id"])
    assert photo["status"] == "FAILED"
    assert "not an image" in photo["error"]
    assert media(cloud, stack, photo["photo_id"]) == {}


def send(upload: dict[str, Any], data: bytes, **changed: str) -> httpx.Response:
    """The answer of S3; some headers changed, those with an empty value left out."""
    headers = upload["headers"] | {name.replace("_", "-"): changed[name] for name in changed}
    return httpx.request(
        upload["method"],
        upload["url"],
        headers={name: value for name, value in headers.items() if value},
        content=data,
        trust_env=False,
        timeout=60,
    )


def original(cloud: Cloud, stack: dict[str, str], photo_id: str) -> bytes | None:
    """What the uploads bucket has of a photo."""
    s3 = cloud.client("s3")
    try:
        answer = s3.get_object(Bucket=stack["UploadsBucketName"], Key=f"uploads/{photo_id}")
    except s3.exceptions.NoSuchKey:
        return None
    return bytes(answer["Body"].read())


def test_original_cannot_be_replaced(cloud: Cloud, stack: dict[str, str], gallery: Gallery):
    first = jpeg(800, 600)
    created = gallery.create_photo("Twice", "image/jpeg", len(first))
    gallery.upload(created["upload"], first)
    photo = gallery.settled(created["photo"]["photo_id"])
    assert photo["status"] == "READY"
    for data in (first, bytes(reversed(first))):
        answer = send(created["upload"], data)
        assert (answer.status_code, "PreconditionFailed" in answer.text) == (412, True)
    assert original(cloud, stack, photo["photo_id"]) == first


def test_original_that_is_put_back_after_the_deletion_is_removed(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    data = jpeg(800, 600)
    created = gallery.create_photo("Gone", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    gallery.upload(created["upload"], data)
    gallery.settled(photo_id)
    gallery.delete_photo(photo_id)
    assert original(cloud, stack, photo_id) is None
    gallery.upload(created["upload"], data)
    awaited(lambda: original(cloud, stack, photo_id) is None)
    assert media(cloud, stack, photo_id) == {}


def test_original_that_is_removed_by_hand_sets_off_an_alarm_and_a_deletion_does_not(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    data = jpeg()
    created = [gallery.create_photo("Lost", "image/jpeg", len(data)) for _ in range(2)]
    deleted, lost = (each["photo"]["photo_id"] for each in created)
    for each in created:
        gallery.upload(each["upload"], data)
        gallery.settled(each["photo"]["photo_id"])
    gallery.delete_photo(deleted)
    cloud.client("s3").delete_object(Bucket=stack["UploadsBucketName"], Key=f"uploads/{lost}")
    alarm = Stack(cloud, STACK).of_type("AWS::CloudWatch::Alarm")["OriginalsMissing"]
    describe = cloud.client("cloudwatch").describe_alarms
    awaited(lambda: describe(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"] == "ALARM")

    def reports(photo_id: str) -> list[str]:
        messages = _messages(cloud, stack["ThumbnailerLogGroupName"])
        return [each for each in messages if photo_id in each and "original_missing" in each]

    [report] = awaited(lambda: reports(lost))
    assert json.loads(report)["level"] == "ERROR"
    assert json.loads(report)["correlation_id"]
    assert reports(deleted) == []
    assert gallery.photo(lost)["status"] == "READY"


@pytest.mark.parametrize("size", [999, 1001, 0])
def test_upload_of_another_size_is_refused(gallery: Gallery, size: int):
    upload = gallery.create_photo("Forged", "image/jpeg", 1000)["upload"]
    assert_not_signed(send(upload, bytes(size)))


@pytest.mark.parametrize(
    "changed",
    [{"Content_Type": "text/html"}, {"If_None_Match": '"a"'}, {"If_None_Match": ""}],
)
def test_upload_with_other_headers_is_refused(gallery: Gallery, changed: dict[str, str]):
    upload = gallery.create_photo("Forged", "image/jpeg", 1000)["upload"]
    assert_not_signed(send(upload, bytes(1000), **changed))


def test_upload_to_another_key_is_refused(gallery: Gallery):
    created, another = (gallery.create_photo("Forged", "image/jpeg", 1000) for _ in range(2))
    upload = created["upload"]
    ids = [each["photo"]["photo_id"] for each in (created, another)]
    assert_not_signed(send(upload | {"url": upload["url"].replace(*ids)}, bytes(1000)))


def assert_not_signed(answer: httpx.Response) -> None:
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def test_logs_are_json_with_request_and_photo(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    data = jpeg()
    created = gallery.create_photo("Logged", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    gallery.upload(created["upload"], data)
    gallery.settled(photo_id)
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
        "Statement": [each for each in granted["Statement"] if each["Sid"] != "ReadAndUpdatePhotos"]
    }
    put = {"RoleName": role, "PolicyName": "Thumbnailer"}
    data = jpeg()
    created = gallery.create_photo("Unlucky", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    iam.put_role_policy(**put, PolicyDocument=json.dumps(reduced))
    try:
        gallery.upload(created["upload"], data)
        queue = stack["FailedEventsQueueUrl"]
        [message] = awaited(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(granted))
    kept = json.loads(message["Body"])
    assert "AccessDenied" in json.dumps(kept["responsePayload"])
    assert kept["requestContext"]["functionArn"].endswith(":live")
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    assert kept["requestPayload"]["Records"][0]["s3"]["object"]["key"] == f"uploads/{photo_id}"
    assert gallery.photo(photo_id)["status"] == "PENDING"
    cloud.client("lambda").invoke(
        FunctionName=stack["ThumbnailerFunctionName"],
        Qualifier="live",
        InvocationType="Event",
        Payload=json.dumps(kept["requestPayload"]),
    )
    assert gallery.settled(photo_id)["status"] == "READY"


def test_upload_waits_while_the_thumbnailer_is_throttled_and_the_api_answers(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    client, function = cloud.client("lambda"), stack["ThumbnailerFunctionName"]
    reserved = client.get_function_concurrency(FunctionName=function)
    assert reserved["ReservedConcurrentExecutions"] == 20
    data = jpeg()
    created = gallery.create_photo("Dusk", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        before = throttles(cloud, function)
        gallery.upload(created["upload"], data)
        awaited(lambda: throttles(cloud, function) > before)
        assert gallery.photo(photo_id)["status"] == "PENDING"
    finally:
        client.put_function_concurrency(
            FunctionName=function,
            ReservedConcurrentExecutions=reserved["ReservedConcurrentExecutions"],
        )
    assert gallery.settled(photo_id)["status"] == "READY"


def _entry(cloud: Cloud, group: str, photo_id: str) -> dict[str, Any] | None:
    for message in _messages(cloud, group):
        if photo_id in message and message.startswith("{"):
            return dict(json.loads(message))
    return None


def _messages(cloud: Cloud, group: str) -> list[str]:
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"].strip() for page in pages for event in page["events"]]
