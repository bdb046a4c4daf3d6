from types import ModuleType

import pytest

from shared.photos import upload_key
from shared.settings import SettingsError
from tests.stack import Stack
from tests.uploads import Invoke, LambdaContext, Uploads, Written, jpeg


@pytest.mark.parametrize("name", ["PHOTOS_TABLE", "MEDIA_BUCKET"])
def test_missing_variable_fails_at_initialisation_by_name(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str
):
    properties = stack.template["Resources"]["ThumbnailerFunction"]["Properties"]
    monkeypatch.delitem(properties["Environment"]["Variables"], name)
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=name):
        stack.handler("thumbnailer")


def test_call_that_hangs_is_given_up_within_half_the_timeout(stack: Stack, module: ModuleType):
    timeout = stack.template["Resources"]["ThumbnailerFunction"]["Properties"]["Timeout"]
    for client in (module.thumbnailer.s3, module.thumbnailer.dynamodb):
        config = client.meta.config
        tries = config.retries["total_max_attempts"]
        assert tries * (config.connect_timeout + config.read_timeout) <= timeout / 2


def test_log_line_carries_request_and_photo_and_the_next_one_does_not(
    module: ModuleType, uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo()
    invoke(uploads.upload(photo_id, jpeg()))
    module.logger.info("after")
    line, after = output().log
    assert line["function_request_id"] == LambdaContext.aws_request_id
    assert line["photo_id"] == photo_id
    assert line["key"] == upload_key(photo_id)
    assert line["service"] == "thumbnailer"
    assert line["outcome"] == "PhotosReady"
    assert "photo_id" not in after


def test_every_count_is_published_with_the_service_as_its_only_dimension(
    uploads: Uploads, invoke: Invoke, output: Written
):
    invoke(uploads.upload(uploads.create_photo(), jpeg()))
    (line,) = output().metrics
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "LambdaGallery"
    assert directive["Dimensions"] == [["service"]]
    assert line["service"] == "thumbnailer"
    counts = {metric["Name"]: sum(line[metric["Name"]]) for metric in directive["Metrics"]}
    assert counts == {
        "PhotosReady": 1,
        "PhotosFailed": 0,
        "UploadsIgnored": 0,
        "UploadsRepeated": 0,
    }
