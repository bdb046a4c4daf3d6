"""Grants for rare cases: each is used, and is sufficient."""

from demo.client import Gallery
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from shared.dynamodb import to_item
from shared.photos import rendition_key, upload_key
from shared.quarantine import QUARANTINE_PREFIX
from tests.support.gallery_photos import jpeg
from tests.support.waiting import awaited

NOT_A_PHOTO = {"photo_id": "not-a-photo", "version": "one"}


def keys(cloud: Cloud, bucket: str, prefix: str) -> list[str]:
    page = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [stored["Key"] for stored in page.get("Contents", [])]


def test_repeated_upload_removes_the_renditions_of_other_uploads(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery
):
    s3, data = cloud.client("s3"), jpeg(64, 48)
    created = gallery.create_photo("Swept", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    gallery.upload(created["upload"], data)
    gallery.settled(photo_id)
    orphan = rendition_key(photo_id, "other", "thumb")
    s3.put_object(Bucket=stack["MediaBucketName"], Key=orphan, Body=b"")
    uploads, key = stack["UploadsBucketName"], upload_key(photo_id)
    upload = s3.get_object(Bucket=uploads, Key=key)
    s3.put_object(
        Bucket=uploads, Key=key, Body=upload["Body"].read(), ContentType=upload["ContentType"]
    )
    awaited(lambda: not keys(cloud, stack["MediaBucketName"], orphan))
    assert len(keys(cloud, stack["MediaBucketName"], f"photos/{photo_id}/")) == 3
    gallery.delete_photo(photo_id)


def test_change_that_is_not_a_photo_is_quarantined(
    cloud: Cloud, stack: dict[str, str], event_sources: EventSources
):
    dynamodb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    bucket, prefix = stack["FailedBatchesBucketName"], f"{QUARANTINE_PREFIX}catalog_replicator/"
    table = {"TableName": stack["PhotosTableName"]}
    dynamodb.put_item(**table, Item=to_item(NOT_A_PHOTO))
    awaited(lambda: keys(cloud, bucket, prefix))
    dynamodb.delete_item(**table, Key=to_item({"photo_id": NOT_A_PHOTO["photo_id"]}))
    event_sources.await_drained(120)
    for key in keys(cloud, bucket, prefix):
        s3.delete_object(Bucket=bucket, Key=key)
