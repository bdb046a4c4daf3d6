"""The commands of the documents that a laptop can run, as a person types them.

This file runs after the other tests of the gallery, because some commands change its data.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from demo.client import Gallery
from demo.sample_photos import put_sample_photos
from localcloud import cloudfront
from localcloud.arguments import DEFAULT_PORT
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.support.documents import LAPTOP, all_commands
from tests.support.gallery_photos import listed_photo
from tests.support.repository import ROOT

COMMANDS = list(dict.fromkeys(each.text for each in all_commands() if each.how == LAPTOP))


@pytest.fixture(scope="module")
def listed(gallery: Gallery, event_sources: EventSources) -> str:
    """A photo that the gallery lists, for <photo_id>."""
    return listed_photo(gallery, event_sources)


@pytest.fixture(scope="module")
def ready_to_type(
    cloud: Cloud, stack: Mapping[str, str], cdn: cloudfront.Served, listed: str
) -> Mapping[str, str]:
    """What differs between the documents and this laptop cloud.

    What other tests have left to be replayed is removed, since a redrive may refuse it.
    """
    bucket, s3 = stack["FailedBatchesBucketName"], cloud.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for stored in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=stored["Key"])
    cloud.client("sqs").purge_queue(QueueUrl=stack["FailedEventsQueueUrl"])
    put_sample_photos(cloud, stack)
    return {
        "<photo_id>": listed,
        f"http://127.0.0.1:{DEFAULT_PORT + 1}": cdn.url,
        f"http://127.0.0.1:{DEFAULT_PORT}": cloud.endpoint,
    }


def persons_environment() -> dict[str, str]:
    """That of a person's shell, without what make and pytest pass on to commands inside them."""
    inherited = ("MAKE", "MFLAGS", "PYTEST_")
    return {
        name: text for name, text in OWN_ENVIRONMENT.items() if not name.startswith(inherited)
    } | {"DOCKER_HOST": "unix:///there/is/no/engine"}


@pytest.mark.parametrize("text", COMMANDS)
def test_command_does_what_a_document_says(
    text: str, cloud: Cloud, ready_to_type: Mapping[str, str], tmp_path: Path
):
    if text.startswith("curl ") and not shutil.which("curl") and "CI" not in OWN_ENVIRONMENT:
        pytest.skip("curl is not installed")
    (tmp_path / ".curlrc").write_text("fail\nnoproxy = *\n")  # an answer of 400 or above fails
    typed = text
    for written, here in ready_to_type.items():
        typed = typed.replace(written, here)
    if typed.startswith("make "):
        # Not install: it would replace the environment of these tests if it seems to be old.
        typed = typed.replace("make ", "make --old-file=install ", 1) + f" PORT={cloud.port}"
    done = subprocess.run(
        ["sh", "-c", typed],
        cwd=ROOT,
        env=persons_environment() | {"CURL_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
