"""How the function reads its environment when it starts; each test imports it again."""

import pytest

from shared.settings import SettingsError
from tests.support.moto_stack import MotoStack


@pytest.mark.parametrize(
    "name",
    [
        "PHOTOS_TABLE",
        "CATALOG_TABLE",
        "VIEWS_STREAM",
        "VIEWS_TABLE",
        "UPLOADS_BUCKET",
        "MEDIA_BUCKET",
        "IDEMPOTENCY_TABLE",
        "API_CALLERS",
        "REPEATED_VIEWS",
        "LOGGED_FRACTION",
    ],
)
def test_missing_variable_is_named_at_import(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch, name: str
):
    function = stack.template["Resources"]["GalleryApiFunction"]["Properties"]
    monkeypatch.setitem(function["Environment"]["Variables"], name, "")
    with pytest.raises(SettingsError, match=name):
        stack.handler("gallery_api")


def test_uploads_go_to_the_endpoint_of_a_laptop(stack: MotoStack, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    s3 = stack.handler("gallery_api").resources.s3
    url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "key"})
    assert url.startswith("http://127.0.0.1:4566/bucket/key?")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_uploads_go_to_the_regional_host(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch, region: str
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    s3 = stack.handler("gallery_api").resources.s3
    url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "key"})
    assert url.startswith(f"https://bucket.s3.{region}.amazonaws.com/key?")
