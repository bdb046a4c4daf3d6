"""The real `sam local invoke` in Lambda's container, against a laptop cloud on Docker's bridge."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from demo import application
from demo.sample_photos import put_sample_photos
from localcloud import deployment, sam_local
from localcloud.cloud import Cloud, running
from tests.e2e.conftest import OWN_ENVIRONMENT, Build, free_port
from tests.support.repository import ROOT
from tests.support.sample_events import SampleEvent, answer_in_short, sample_events


def docker(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["docker", *arguments],
            env=OWN_ENVIRONMENT,
            check=True,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


IMAGE = f"public.ecr.aws/lambda/python:3.13-{deployment.architecture()}"
pytestmark = pytest.mark.skipif(
    not docker("image", "ls", "--quiet", IMAGE),
    reason=f"needs a Docker engine that has {IMAGE}",
)


@pytest.fixture(scope="module")
def bridge(built: Build) -> Iterator[tuple[Cloud, dict[str, str]]]:  # noqa: ARG001
    [network] = json.loads(docker("network", "inspect", "bridge"))
    address = network["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    cloud = Cloud(address, free_port())
    with running(cloud):
        with application.gallery(cloud).building():
            stack = application.deploy(cloud, print)
        sam_local.write_environments(cloud, application.STACK)
        put_sample_photos(cloud, stack)
        yield cloud, stack


def invoke(cloud: Cloud, function: str, event: str) -> int:
    environment = OWN_ENVIRONMENT | {"SKIP_PULL_IMAGE": "1"}
    gallery = application.gallery(cloud)
    with gallery.building():
        return sam_local.invoke(cloud, gallery, function, ROOT / "events" / event, environment)


@pytest.mark.enable_socket
def test_thumbnailer_processes_the_photo_of_its_event(bridge: tuple[Cloud, dict[str, str]]):
    cloud, stack = bridge
    assert invoke(cloud, "ThumbnailerFunction", "s3_photo_uploaded.json") == 0
    [record] = json.loads((ROOT / "events/s3_photo_uploaded.json").read_text())["Records"]
    photo_id = record["s3"]["object"]["key"].removeprefix("uploads/")
    item = cloud.client("dynamodb").get_item(
        TableName=stack["PhotosTableName"], Key={"photo_id": {"S": photo_id}}
    )["Item"]
    assert item["status"] == {"S": "READY"}


@pytest.mark.enable_socket
@pytest.mark.parametrize("event", sample_events(), ids=lambda event: event.name)
def test_event_gets_the_answer_of_the_table(
    bridge: tuple[Cloud, dict[str, str]], event: SampleEvent, capfd: pytest.CaptureFixture[str]
):
    """As in test_written_events.py, where Lambda's container is Lambda's runtime client."""
    cloud, _ = bridge
    invoke(cloud, event.function, f"{event.name}.json")
    answer = capfd.readouterr().out.strip().splitlines()[-1]
    assert answer_in_short(answer.encode()) == event.answer


@pytest.mark.enable_socket
def test_edge_function_fails_open(
    bridge: tuple[Cloud, dict[str, str]], capfd: pytest.CaptureFixture[str]
):
    """Its event names a table that is not there."""
    cloud, _ = bridge
    assert invoke(cloud, "EdgeHeadersFunction", "cloudfront_photo_page.json") == 0
    answer = json.loads(capfd.readouterr().out.strip().splitlines()[-1])
    assert answer["headers"]["x-robots-tag"][0]["value"] == "noindex"
    assert answer["headers"]["content-security-policy"]
