"""The previous release with data on a laptop cloud, and `make deploy` of this release over it.

The archive in tests/data/releases/ is deployed by sam. Its API, stream functions and failure paths
make the data. ops.deploy then deploys the working tree over that stack.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from demo import application
from demo.client import Gallery
from demo.sign_in import make_user, sign_in
from localcloud import cloudfront, deployment
from localcloud.application import Application
from localcloud.cloud import STATE, Cloud
from localcloud.cloudfront.api import Api
from localcloud.event_sources import poller
from localcloud.event_sources.poller import EventSources
from localcloud.stack import Stack
from ops import deploy, publish_site, redrive, report, stack_events
from tests.e2e.conftest import OWN_ENVIRONMENT, Build, free_port
from tests.e2e.test_streams import BROKEN, publish, put, release, views, waiting
from tests.support import previous_release
from tests.support.gallery_photos import jpeg
from tests.support.waiting import awaited

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # two builds and two deployments
STACK: Final = "gallery-upgraded"
# What must survive an upgrade: data, failures that wait, and addresses that people have.
KEPT: Final = {
    "AWS::ApiGateway::RestApi",
    "AWS::CloudFront::Distribution",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::DynamoDB::Table",
    "AWS::Kinesis::Stream",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
}
PHOTO: Final = jpeg(320, 240)
# The counter of release 0.1.0 with a bug: it quarantines the good views of one photo.
RAISES_ON: Final = """
from view_counter import views as _views
_sound = _views._read
def _raises(kinesis):
    if kinesis["partitionKey"] == "{photo_id}":
        raise KeyError("a bug of the previous release")
    return _sound(kinesis)
_views._read = _raises
"""


@dataclass
class Upgrade:
    """Both releases of one stack, and what the previous one made."""

    cloud: Cloud
    event_sources: EventSources
    served: cloudfront.Served
    parameters: dict[str, str]
    outputs: dict[str, str]
    before: dict[str, Any]

    def gallery(self) -> Gallery:
        return Gallery(self.served.url, sign_in(self.cloud, self.outputs)["IdToken"])

    def physical_ids(self) -> dict[str, str]:
        return {
            each.logical_id: each.physical_id
            for each in Stack(self.cloud, STACK).resources()
            if each.type in KEPT
        }


def post_form(upload: dict[str, Any], data: bytes) -> None:
    """Upload by the presigned form of release 0.1.0."""
    answer = httpx.post(upload["url"], data=upload["fields"], files={"file": data}, trust_env=False)
    answer.raise_for_status()


def create(gallery: Gallery, title: str, *, key: str | None = None) -> dict[str, Any]:
    body = {"title": title, "content_type": "image/jpeg", "bytes": len(PHOTO)}
    answer = gallery.request(
        "POST", "/photos", json=body, headers={"Idempotency-Key": key} if key else {}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def uploaded(gallery: Gallery, title: str, data: bytes = PHOTO) -> dict[str, Any]:
    created = create(gallery, title)
    post_form(created["upload"], data)
    return gallery.settled(created["photo"]["photo_id"])


@pytest.fixture(scope="module")
def previous(cloud: Cloud) -> Iterator[Upgrade]:
    """The previous release, deployed and served."""
    source = STATE / "previous-release"
    shutil.rmtree(source, ignore_errors=True)
    parameters = {
        "Stage": "local",
        "Architecture": deployment.architecture(),
        "EndpointUrl": cloud.endpoint,
    }
    old = Application(previous_release.unpack(source), STACK, parameters)
    with old.building():
        deployment.build(old, application.build_environment(OWN_ENVIRONMENT), print)
        outputs = deployment.deploy(cloud, old, print)
    site = publish_site.Site(cloud.client("s3"), cloud.client("cloudfront"), outputs)
    publish_site.publish(site)
    make_user(cloud, outputs)
    port = free_port()
    with (
        poller.running(cloud) as event_sources,
        cloudfront.running(cloud, port, outputs["DistributionId"]) as served,
    ):
        upgrade = Upgrade(cloud, event_sources, served, parameters, outputs, {})
        fill(upgrade, Build({}, old.artifacts))
        yield upgrade


def fill(upgrade: Upgrade, built: Build) -> None:
    """Make photos in every status, views, and one failure of each kind."""
    cloud, outputs, drained = upgrade.cloud, upgrade.outputs, upgrade.event_sources.await_drained
    with upgrade.gallery() as gallery:
        ready = [uploaded(gallery, f"Ready {number}") for number in range(3)]
        deleted = uploaded(gallery, "Deleted")
        drained(30)
        seen, batched, quarantined = (photo["photo_id"] for photo in ready)
        put(cloud, outputs, seen, *views(seen, 5))
        put(cloud, outputs, seen, b"not JSON")
        gallery.delete_photo(deleted["photo_id"])
        drained(30)
        fail_a_batch(upgrade, built, batched)
        sound = (built.folder / "ViewCounterFunction/view_counter/handler.py").read_text()
        release(cloud, outputs, built, handler=sound + RAISES_ON.format(photo_id=quarantined))
        put(cloud, outputs, quarantined, *views(quarantined, 2))
        drained(30)
        release(cloud, outputs, built)
        upgrade.before |= {
            "event": fail_an_event(upgrade, gallery),
            "failed": uploaded(gallery, "Failed", b"not a photo"),
            "pending": create(gallery, "Pending"),
            "repeated": create(gallery, "Repeated", key="before the upgrade"),
            "deleted": deleted,
        }
        drained(30)
        upgrade.before |= {
            "listed": gallery.photos(),
            "own": gallery.request("GET", "/me/photos").json()["photos"],
            "cursor": gallery.request("GET", "/photos?limit=1").json()["cursor"],
            "views": {photo["photo_id"]: gallery.views(photo["photo_id"]) for photo in ready},
            "files": {
                each["path"]: gallery.fetch(each["path"]).content
                for photo in ready
                for each in photo["renditions"].values()
            },
            "waiting": waiting(cloud, outputs, ""),
            "physical_ids": upgrade.physical_ids(),
            "page": gallery.fetch(f"/photo.html?id={seen}").status_code,
        }


def fail_a_batch(upgrade: Upgrade, built: Build, photo_id: str) -> None:
    """Let the counter fail until Lambda discards a batch of 4 views."""
    client, name = upgrade.cloud.client("lambda"), upgrade.outputs["ViewCounterFunctionName"]
    [mapping] = client.list_event_source_mappings(FunctionName=f"{name}:live")[
        "EventSourceMappings"
    ]
    client.update_event_source_mapping(
        UUID=mapping["UUID"], MaximumRetryAttempts=0, BisectBatchOnFunctionError=False
    )
    release(upgrade.cloud, upgrade.outputs, built, handler=BROKEN)
    put(upgrade.cloud, upgrade.outputs, photo_id, *views(photo_id, 4))
    upgrade.event_sources.await_drained(120)
    client.update_event_source_mapping(
        UUID=mapping["UUID"],
        MaximumRetryAttempts=mapping["MaximumRetryAttempts"],
        BisectBatchOnFunctionError=True,
    )


def fail_an_event(upgrade: Upgrade, gallery: Gallery) -> dict[str, Any]:
    """Let the thumbnailer fail until Lambda sends an upload's event to the queue."""
    client, name = upgrade.cloud.client("lambda"), upgrade.outputs["ThumbnailerFunctionName"]
    sound = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {**sound, "PHOTOS_TABLE": "no-such-table"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    publish(upgrade.cloud, name)
    created = create(gallery, "Event failed")
    post_form(created["upload"], PHOTO)
    awaited(lambda: failed_events(upgrade))
    client.update_function_configuration(FunctionName=name, Environment={"Variables": sound})
    publish(upgrade.cloud, name)
    return created


def failed_events(upgrade: Upgrade) -> int:
    answer = upgrade.cloud.client("sqs").get_queue_attributes(
        QueueUrl=upgrade.outputs["FailedEventsQueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture(scope="module")
def upgraded(previous: Upgrade) -> Upgrade:
    """This release over the previous one, by `make deploy`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAM_CLI_POLL_DELAY", "0.5")
        patch.setattr(stack_events, "_POLL_SECONDS", 0.2)
        given = [f"{name}={value}" for name, value in previous.parameters.items()]
        options = [option for each in given for option in ("--parameter", each)]
        with application.gallery(previous.cloud).building():
            # Fills sam's cache: the laptop's environment, which ops.deploy has, has no network.
            application.build(previous.cloud, OWN_ENVIRONMENT, print)
            status = deploy.main(["--stage", "local", "--stack", STACK, "--yes", *options])
    assert status == 0
    previous.outputs = Stack(previous.cloud, STACK).outputs()
    # CloudFormation on AWS ends an update only when CloudFront serves the new configuration.
    deployed = Api(previous.cloud, previous.outputs["DistributionId"]).distribution()
    awaited(lambda: previous.served.edge.distribution == deployed)
    return previous


def test_no_resource_with_data_or_an_address_is_replaced(upgraded: Upgrade):
    before, after = upgraded.before["physical_ids"], upgraded.physical_ids()
    assert {name: after.get(name) for name in before} == before


def test_photos_lists_views_and_files_are_as_before(upgraded: Upgrade):
    before = upgraded.before
    with upgraded.gallery() as gallery:
        assert gallery.photos() == before["listed"]
        assert gallery.request("GET", "/me/photos").json()["photos"] == before["own"]
        for photo_id, counted in before["views"].items():
            assert gallery.views(photo_id)["total"] == counted["total"]
        for path, content in before["files"].items():
            assert gallery.fetch(path).content == content
        assert gallery.photo(before["failed"]["photo_id"]) == before["failed"]
        pending = before["pending"]["photo"]
        assert gallery.photo(pending["photo_id"]) == pending
        deleted = gallery.request("GET", f"/photos/{before['deleted']['photo_id']}")
        assert deleted.status_code == 404
        assert before["page"] == 200
        seen = before["listed"][-1]["photo_id"]
        assert gallery.fetch(f"/photo.html?id={seen}").status_code == 200
        page = gallery.request("GET", f"/photos?cursor={before['cursor']}").json()
        assert page["photos"] == before["listed"][1:]


def test_form_of_the_previous_release_still_uploads(upgraded: Upgrade):
    pending = upgraded.before["pending"]
    post_form(pending["upload"], PHOTO)
    with upgraded.gallery() as gallery:
        assert gallery.settled(pending["photo"]["photo_id"])["status"] == "READY"


def test_repeated_request_gets_the_same_photo(upgraded: Upgrade):
    before = upgraded.before["repeated"]
    with upgraded.gallery() as gallery:
        again = create(gallery, "Repeated", key="before the upgrade")
        assert again["photo"]["photo_id"] == before["photo"]["photo_id"]
        gallery.upload(again["upload"], PHOTO)
        assert gallery.settled(before["photo"]["photo_id"])["status"] == "READY"


def test_redrive_replays_what_the_previous_release_could_not_process(upgraded: Upgrade):
    seen, batched, quarantined = (each["photo_id"] for each in upgraded.before["listed"][::-1])
    waited = upgraded.before["waiting"]
    assert len([key for key in waited if key.startswith("aws/lambda/")]) == 1
    assert len([key for key in waited if key.startswith("quarantine/view_counter/")]) == 3
    assert redrive.main(["--stack", STACK, "--rate", "100"]) == 1, "real poison stays"
    with upgraded.gallery() as gallery:
        for photo_id, views in ((seen, 5), (batched, 4), (quarantined, 2)):
            awaited(lambda id_=photo_id, n=views: gallery.views(id_)["total"] == n)
        event = upgraded.before["event"]["photo"]["photo_id"]
        assert gallery.settled(event)["status"] == "READY"
    assert len(waiting(upgraded.cloud, upgraded.outputs, "")) == 1


def test_new_photo_and_a_deletion_of_an_old_one(upgraded: Upgrade):
    old = upgraded.before["listed"][0]
    with upgraded.gallery() as gallery:
        created = create(gallery, "New")
        gallery.upload(created["upload"], PHOTO)
        photo_id = created["photo"]["photo_id"]
        assert gallery.settled(photo_id)["status"] == "READY"
        gallery.delete_photo(old["photo_id"])
        upgraded.event_sources.await_drained(120)

        def listed() -> set[str]:
            return {each["photo_id"] for each in gallery.photos()}

        awaited(lambda: photo_id in listed() and old["photo_id"] not in listed())
        path = old["renditions"]["thumb"]["path"]
        awaited(lambda: gallery.fetch(path).status_code == 404)


def test_daily_report_finds_no_difference(upgraded: Upgrade, capsys: pytest.CaptureFixture[str]):
    seen = upgraded.before["listed"][-1]["photo_id"]
    put(upgraded.cloud, upgraded.outputs, seen, *views(seen, 1))
    upgraded.event_sources.await_drained(120)
    assert report.main(["--stack", STACK]) == 0
    shown = capsys.readouterr().out
    assert "No findings" in shown
    assert seen in shown, "a total of the previous release is ranked after its next view"
