from datetime import timedelta
from types import ModuleType

import pytest

from shared.photos import upload_key
from shared.settings import SettingsError
from shared.timestamps import iso_milliseconds
from tests.support.faults import At, raising, refusal
from tests.support.moto_stack import MotoStack
from tests.support.uploads import Invoke, LambdaContext, Uploads, Written, jpeg, load_event


@pytest.mark.parametrize("name", ["PHOTOS_TABLE", "MEDIA_BUCKET"])
def test_missing_variable_fails_at_initialisation_by_name(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch, name: str
):
    properties = stack.template["Resources"]["ThumbnailerFunction"]["Properties"]
    monkeypatch.delitem(properties["Environment"]["Variables"], name)
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=name):
        stack.handler("thumbnailer")


def test_call_without_an_answer_ends_within_half_the_timeout(stack: MotoStack, module: ModuleType):
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


def test_correlation_id_of_the_record_is_on_its_lines_only(
    module: ModuleType, uploads: Uploads, invoke: Invoke, output: Written
):
    photo_ids = [uploads.create_photo(correlation_id=of) for of in ("one", None, "two")]
    events = [uploads.upload(photo_id, jpeg()) for photo_id in photo_ids]
    events.append(load_event("s3_foreign_object_created"))
    invoke({"Records": [record for event in events for record in event["Records"]]})
    module.logger.info("after")
    of = [(line.get("photo_id"), line.get("correlation_id")) for line in output().log]
    assert of == [*zip(photo_ids, ("one", None, "two"), strict=True), (None, None), (None, None)]


def test_correlation_id_is_logged_for_a_failed_attempt_and_kept_in_the_ready_record(
    at: At, uploads: Uploads, invoke: Invoke, output: Written
):
    photo_id = uploads.create_photo(correlation_id="one")
    event = uploads.upload(photo_id, jpeg())
    with (
        at("before-call.s3.GetObject", raising(refusal("SlowDown"))),
        pytest.raises(ExceptionGroup),
    ):
        invoke(event)
    invoke(event)
    found = [(line["level"], line["correlation_id"]) for line in output().log]
    assert found == [("ERROR", "one"), ("INFO", "one")]
    assert uploads.photo(photo_id).correlation_id == "one"


def test_age_is_measured_from_the_upload_of_a_photo_that_is_made_ready_only(
    module: ModuleType, uploads: Uploads, invoke: Invoke, output: Written
):
    uploaded_at = iso_milliseconds(module.thumbnailer.clock() - timedelta(seconds=5))
    for data, repeats in ((jpeg(), 2), (b"no photo", 1)):
        event = uploads.upload(uploads.create_photo(), data)
        event["Records"][0]["eventTime"] = uploaded_at
        for _ in range(repeats):
            invoke(event)
    [age] = [age for line in output().metrics for age in line.get("ThumbnailAge", [])]
    assert 5_000 <= age < 15_000


def test_every_count_is_published_with_the_service_as_its_only_dimension(
    uploads: Uploads, invoke: Invoke, output: Written
):
    invoke(uploads.upload(uploads.create_photo(), jpeg()))
    (line,) = output().metrics
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "gallery"
    assert directive["Dimensions"] == [["service"]]
    assert line["service"] == "thumbnailer"
    counts = {
        metric["Name"]: sum(line[metric["Name"]])
        for metric in directive["Metrics"]
        if metric["Unit"] == "Count"
    }
    assert counts == {
        "PhotosReady": 1,
        "PhotosFailed": 0,
        "UploadsIgnored": 0,
        "UploadsRepeated": 0,
        "OriginalsMissing": 0,
    }
