"""Publication of the page into a bucket of moto; CloudFront's calls are recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops import publish_site
from ops.publish_site import PublishingError, Site, publish
from tests.support.moto_stack import MotoStack

OUTPUTS = {
    "DistributionId": "E1",
    "GalleryUrl": "https://gallery.example",
    "SiteBucketName": "sitebucket",
    "SignInUrl": "https://cognito.example",
    "Stage": "dev",
    "UserPoolClientId": "client",
}


class CloudFront:
    def __init__(self) -> None:
        self.invalidated: list[dict[str, Any]] = []

    def create_invalidation(self, **arguments: Any) -> None:
        self.invalidated.append(arguments)


class Recorder:
    """S3, and in which order keys were put."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.put: list[str] = []

    def put_object(self, **arguments: Any) -> None:
        self.put.append(arguments["Key"])
        self._s3.put_object(**arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


@pytest.fixture
def site(stack: MotoStack) -> Site:
    return Site(Recorder(stack.s3), CloudFront(), OUTPUTS)


def keys(site: Site) -> set[str]:
    listed = site.s3.list_objects_v2(Bucket="sitebucket")
    return {each["Key"] for each in listed.get("Contents", [])}


def test_page_and_configuration_are_put_with_their_types_pages_last(site: Site):
    count = publish(site)
    assert count == len(keys(site)) == len(site.s3.put)
    assert {"index.html", "photo.html", "config.json"} <= keys(site)
    pages = [key.endswith(".html") for key in site.s3.put]
    assert pages == sorted(pages)
    for key in keys(site):
        stored = site.s3.get_object(Bucket="sitebucket", Key=key)
        assert stored["ContentType"] == publish_site.CONTENT_TYPES[Path(key).suffix]
    configuration = site.s3.get_object(Bucket="sitebucket", Key="config.json")["Body"].read()
    assert json.loads(configuration) == {
        "sign_in_url": "https://cognito.example",
        "stage": "dev",
        "user_pool_client_id": "client",
    }


def test_old_files_are_deleted_and_all_paths_are_invalidated(site: Site):
    site.s3.put_object(Bucket="sitebucket", Key="old.js", Body=b"")
    publish(site)
    publish(site)
    assert "old.js" not in keys(site)
    first, second = site.cloudfront.invalidated
    assert first["InvalidationBatch"]["Paths"]["Items"] == ["/*"]
    reference = first["InvalidationBatch"]["CallerReference"]
    assert reference != second["InvalidationBatch"]["CallerReference"], "it would be the same one"


def test_file_of_an_unknown_type_is_refused_before_anything_is_put(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "notes.docx").write_bytes(b"")
    monkeypatch.setattr(publish_site, "WEB", tmp_path)
    with pytest.raises(PublishingError, match=r"notes\.docx"):
        publish(site)
    assert keys(site) == set()


def test_stack_without_a_page_says_why(site: Site):
    elsewhere = OUTPUTS | {"DistributionId": "none", "GalleryUrl": "none: us-east-1 only"}
    with pytest.raises(PublishingError, match="us-east-1"):
        publish(Site(site.s3, site.cloudfront, elsewhere))
    assert keys(site) == set()
