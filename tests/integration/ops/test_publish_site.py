"""Publication of the page into a bucket of moto; CloudFront's calls are recorded."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from edge_headers.missing_page import PAGE
from ops import publish_site
from ops.publish_site import PublishingError, Site, files, publish
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
    assert {"index.html", "photo.html"} <= keys(site)
    pages = [key.endswith(".html") for key in site.s3.put]
    assert pages == sorted(pages)
    for key in keys(site):
        stored = site.s3.get_object(Bucket="sitebucket", Key=key)
        assert stored["ContentType"] == publish_site.CONTENT_TYPES[Path(key).suffix]
    for key in ("index.html", "photo.html"):
        page = site.s3.get_object(Bucket="sitebucket", Key=key)["Body"].read().decode()
        [configuration] = re.findall(r'id="configuration">(.+)</script>', page)
        assert json.loads(configuration) == {
            "sign_in_url": "https://cognito.example",
            "stage": "dev",
            "user_pool_client_id": "client",
        }


def test_page_names_one_script_one_style_and_the_icon_each_with_a_hash(site: Site):
    published = files(site)
    for page in ("index.html", "photo.html"):
        named = set(re.findall(r'(?:href|src)="/([^"]+)"', published[page].decode()))
        assert sorted(Path(key).suffix for key in named) == [".css", ".js", ".svg"]
        for key in named:
            assert re.fullmatch(r"assets/[0-9a-f]{10}/[\w.]+", key)
            assert key in published
    for key in re.findall(r'(?:href|src)="/([^"]+)"', PAGE):
        assert key in published, "the page for a missing path names a file without its hash"


def test_files_of_another_configuration_have_other_names(site: Site):
    assert files(site) == files(site)
    other = Site(site.s3, site.cloudfront, OUTPUTS | {"Stage": "prod"})
    assets = [{key for key in files(each) if "/" in key} for each in (site, other)]
    assert assets[0] & assets[1] == set()


def test_all_paths_are_invalidated_each_time(site: Site):
    publish(site)
    publish(site)
    first, second = (each["InvalidationBatch"] for each in site.cloudfront.invalidated)
    assert first["Paths"] == second["Paths"] == {"Quantity": 1, "Items": ["/*"]}
    assert first["CallerReference"] != second["CallerReference"], "it would be the same one"


def test_files_of_an_earlier_release_stay_for_open_pages_and_are_deleted_later(site: Site):
    site.s3.put_object(Bucket="sitebucket", Key="old.js", Body=b"")

    def released(stage: str, days: int) -> set[str]:
        with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)):
            changed = Site(site.s3, site.cloudfront, OUTPUTS | {"Stage": stage})
            publish(changed)
            return {key for key in files(changed) if key.startswith("assets/")}

    first = released("dev", 0)
    assert "old.js" not in keys(site)
    second = released("prod", 100)
    assert first | second <= keys(site)
    third = released("local", 106)
    assert first | second | third <= keys(site)
    assert released("local", 108) == third
    assert first & keys(site) == set()
    assert second | third <= keys(site)


@pytest.mark.parametrize(
    "changed",
    [
        ("notes.docx", "", r"web/notes\.docx has an unknown content type"),
        ("dom.js", "const = 1;", r"web/dom\.js:1: .* Nothing was published"),
        ("index.html", '<img src="/lost.svg">', r"web/index\.html names lost\.svg, .* Nothing was"),
    ],
)
def test_what_cannot_be_published_leaves_the_published_page_as_it_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: tuple[str, str, str]
):
    name, text, problem = changed
    publish(site)
    before = keys(site)
    site.s3.put.clear()
    shutil.copytree(publish_site.WEB, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(publish_site, "WEB", tmp_path)
    with pytest.raises(PublishingError, match=problem):
        publish(site)
    assert site.s3.put == []
    assert keys(site) == before
    assert len(site.cloudfront.invalidated) == 1


def test_stack_without_a_page_says_why(site: Site):
    elsewhere = OUTPUTS | {"DistributionId": "none", "GalleryUrl": "none: us-east-1 only"}
    with pytest.raises(PublishingError, match="us-east-1"):
        publish(Site(site.s3, site.cloudfront, elsewhere))
    assert keys(site) == set()
