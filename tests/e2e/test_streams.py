"""Views and replication on the deployed stack, its stream mappings run by our engine."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from demo.application import STACK
from demo.client import Gallery
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from ops import redrive
from tests.e2e.conftest import Build
from tests.support.gallery_photos import jpeg, listed_photo
from tests.support.waiting import awaited

BROKEN = 'def handler(event, context):\n    raise RuntimeError("a broken release")\n'
RAISES_ON = """
from view_counter import view_records as _views
_sound = _views._read
def _raises(kinesis, *key):
    if kinesis["partitionKey"] == "{photo_id}":
        raise KeyError("a bug of ours")
    return _sound(kinesis, *key)
_views._read = _raises
"""


@pytest.fixture
def photo_id(gallery: Gallery, event_sources: EventSources) -> str:
    """A READY photo that the catalog has."""
    return listed_photo(gallery, event_sources)


@pytest.fixture
def two_tries(cloud: Cloud, stack: dict[str, str]) -> Iterator[None]:
    """The mapping of views with one retry and no splits: ministack begins again after a failure."""
    client = cloud.client("lambda")
    [mapping] = client.list_event_source_mappings(
        FunctionName=f"{stack['ViewCounterFunctionName']}:live"
    )["EventSourceMappings"]
    client.update_event_source_mapping(
        UUID=mapping["UUID"], MaximumRetryAttempts=1, BisectBatchOnFunctionError=False
    )
    yield
    client.update_event_source_mapping(
        UUID=mapping["UUID"],
        MaximumRetryAttempts=mapping["MaximumRetryAttempts"],
        BisectBatchOnFunctionError=mapping["BisectBatchOnFunctionError"],
    )


def release(cloud: Cloud, stack: Mapping[str, str], built: Build, **replaced: str) -> None:
    """Deploy view_counter as built, with the text of some modules replaced or put before."""
    artifact = built.folder / "ViewCounterFunction"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in artifact.rglob("*.py"):
            text = replaced.get(path.stem, path.read_text())
            file.writestr(str(path.relative_to(artifact)), text)
    name = stack["ViewCounterFunctionName"]
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    publish(cloud, name)


def publish(cloud: Cloud, name: str) -> None:
    """Let the alias `live` have what was last given to the function."""
    client = cloud.client("lambda")
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


def put(cloud: Cloud, stack: Mapping[str, str], key: str, *data: bytes) -> None:
    answer = cloud.client("kinesis").put_records(
        StreamName=stack["ViewsStreamName"],
        Records=[{"Data": each, "PartitionKey": key} for each in data],
    )
    assert answer["FailedRecordCount"] == 0


def views(photo_id: str, count: int) -> list[bytes]:
    view = {"photo_id": photo_id, "viewed_at": "2026-11-21T02:00:00.000Z"}
    return [json.dumps(view).encode()] * count


def waiting(cloud: Cloud, stack: Mapping[str, str], prefix: str) -> dict[str, Any]:
    s3, bucket = cloud.client("s3"), stack["FailedBatchesBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"]: json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
        for item in listed
    }


def test_views_by_the_api_are_counted(gallery: Gallery, event_sources: EventSources, photo_id: str):
    for _ in range(7):
        gallery.record_view(photo_id)
    event_sources.await_drained(120)
    counted = gallery.views(photo_id)
    assert counted["total"] == 7
    assert sum(minute["views"] for minute in counted["minutes"]) == 7
    assert len(counted["minutes"]) == 60


def test_catalog_lists_ready_photos_as_they_are(gallery: Gallery, photo_id: str):
    [listed] = awaited(lambda: [each for each in gallery.photos() if each["photo_id"] == photo_id])
    assert listed.pop("replicated_at")
    photo = gallery.photo(photo_id)
    assert photo.pop("replicated_at") is None, "the source knows nothing of its replica"
    assert listed == photo


def test_view_of_an_unknown_photo_is_404(gallery: Gallery):
    unknown = "019a0000-0000-7000-8000-000000000000"
    answer = gallery.request("POST", f"/photos/{unknown}/views")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("two_tries")
def test_redrive_corrects_every_count_after_a_broken_release_and_poison(
    cloud: Cloud,
    stack: dict[str, str],
    built: Build,
    gallery: Gallery,
    event_sources: EventSources,
):
    """A release that raises on everything, one that raises on some records, and real poison."""
    failed, quarantined = (listed_photo(gallery, event_sources) for _ in range(2))
    before = waiting(cloud, stack, "quarantine/")
    put(cloud, stack, failed, *views(failed, 2))
    put(cloud, stack, f"{failed}#7", *views(failed, 1))
    event_sources.await_drained(120)

    release(cloud, stack, built, handler=BROKEN)
    put(cloud, stack, failed, *views(failed, 25))
    put(cloud, stack, f"{failed}#7", *views(failed, 15))
    event_sources.await_drained(120)
    batches = waiting(cloud, stack, "aws/lambda/")
    assert sum(len(json.loads(batch["payload"])["Records"]) for batch in batches.values()) == 40
    assert gallery.views(failed)["total"] == 3

    sound = (built.folder / "ViewCounterFunction/view_counter/handler.py").read_text()
    release(cloud, stack, built, handler=sound + RAISES_ON.format(photo_id=quarantined))
    put(cloud, stack, quarantined, *views(quarantined, 9))
    put(cloud, stack, failed, b"not JSON", *views(failed, 2))
    event_sources.await_drained(120)
    aside = waiting(cloud, stack, "quarantine/").keys() - before.keys()
    assert len(aside) == 9 + 1
    # CloudFront keeps the counts for a moment.
    awaited(lambda: gallery.views(failed)["total"] == 3 + 2)
    assert gallery.views(quarantined)["total"] == 0

    release(cloud, stack, built)
    arguments = ["--stack", STACK, "--rate", "100"]
    assert redrive.main([*arguments, "--dry-run"]) == 0
    assert waiting(cloud, stack, "aws/lambda/").keys() == batches.keys()
    two = [threading.Thread(target=redrive.main, args=(arguments,)) for _ in range(2)]
    for each in two:
        each.start()
    for each in two:
        each.join()
    assert redrive.main(arguments) == 1, "the real poison failed again, and stays"

    awaited(lambda: gallery.views(failed)["total"] == 3 + 40 + 2)
    awaited(lambda: gallery.views(quarantined)["total"] == 9)
    assert waiting(cloud, stack, "aws/lambda/") == {}
    [poison] = waiting(cloud, stack, "quarantine/").keys() - before.keys()
    assert "/".join(poison.split("/")[:2]) == "quarantine/view_counter"


def test_failed_events_are_replayed(cloud: Cloud, stack: dict[str, str], gallery: Gallery):
    data = jpeg(200, 100)
    created = gallery.create_photo("Lost", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    client = cloud.client("lambda")
    name = stack["ThumbnailerFunctionName"]
    sound = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {**sound, "PHOTOS_TABLE": "no-such-table"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    publish(cloud, name)
    queue = {"QueueUrl": stack["FailedEventsQueueUrl"]}

    def count() -> int:
        names = ["ApproximateNumberOfMessages"]
        answer = cloud.client("sqs").get_queue_attributes(**queue, AttributeNames=names)
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    already = count()
    gallery.upload(created["upload"], data)
    awaited(lambda: count() > already)  # each try is a cold start
    client.update_function_configuration(FunctionName=name, Environment={"Variables": sound})
    publish(cloud, name)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    assert redrive.main(["--stack", STACK, "--kind", "event"]) == 0, "what runs is what is live"
    client.update_function_configuration(FunctionName=name, Environment={"Variables": sound})
    assert gallery.settled(photo_id)["status"] == "READY"
    assert count() == 0
