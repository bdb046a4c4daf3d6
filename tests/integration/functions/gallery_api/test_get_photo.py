import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.photos import Rendition, Status
from tests.support.gallery_api import CORRELATION_ID, REQUEST_ID, Api, assert_problem, put
from tests.support.moto_stack import MotoStack


def test_ready_photo_is_shown_in_public_form(stack: MotoStack, api: Api):
    photo_id = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
    key = f"photos/{photo_id}/abc/thumb.webp"
    put(
        stack,
        width=4000,
        height=3000,
        color="#336699",
        etag="abc",
        renditions={"thumb": Rendition(key=key, width=256, height=192, bytes=9000)},
        uploaded_at="2026-11-20T12:35:00.000Z",
        ready_at="2026-11-20T12:35:01.000Z",
    )
    answer = api.get(photo_id)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == ["application/json"]
    assert list(answer.body.items()) == [
        ("photo_id", photo_id),
        ("status", "READY"),
        ("error", None),
        ("title", "Harbour at dawn"),
        ("content_type", "image/jpeg"),
        ("bytes", 1000),
        ("width", 4000),
        ("height", 3000),
        ("color", "#336699"),
        (
            "renditions",
            {"thumb": {"path": f"/{key}", "width": 256, "height": 192, "bytes": 9000}},
        ),
        ("created_at", "2026-11-20T12:34:56.789Z"),
        ("uploaded_at", "2026-11-20T12:35:00.000Z"),
        ("ready_at", "2026-11-20T12:35:01.000Z"),
        ("replicated_at", None),
        ("version", 2),
    ]


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.READY])
def test_photo_is_shown_in_every_status_but_deleted(stack: MotoStack, api: Api, status: Status):
    photo = put(stack, status=status, error="Not an image" if status == "FAILED" else None)
    answer = api.get(photo.photo_id)
    assert (answer.status, answer.body["status"]) == (200, status)
    assert answer.body["error"] == photo.error
    assert ("ETag" in answer.headers) == (status == Status.READY), "only READY is cached"


def test_deleted_photo_is_not_found(stack: MotoStack, api: Api):
    photo = put(stack, status=Status.DELETED, expires_at=1795178096)
    assert_problem(api.get(photo.photo_id), 404)


def test_unknown_photo_is_not_found(api: Api):
    assert_problem(api.call("get_photo"), 404)


@pytest.mark.parametrize("photo_id", ["1", "me", "019AA1A0-5E3C-7D11-8A7B-3F2C9D4E5F60", "%00"])
def test_invalid_id_is_not_found_without_a_read(
    api: Api, monkeypatch: pytest.MonkeyPatch, photo_id: str
):
    monkeypatch.setattr(api.resources.dynamodb, "get_item", pytest.fail)
    assert_problem(api.get(photo_id), 404)


def test_read_is_consistent(api: Api, monkeypatch: pytest.MonkeyPatch):
    requested: dict[str, Any] = {}
    monkeypatch.setattr(
        api.resources.dynamodb, "get_item", lambda **request: requested.update(request) or {}
    )
    api.call("get_photo")
    assert requested["ConsistentRead"] is True


def test_throttled_read_is_answered_503(api: Api, monkeypatch: pytest.MonkeyPatch):
    def throttle(**_: object) -> None:
        error = {"Code": "ThrottlingException", "Message": "slow down, table photos"}
        metadata: Any = {"HTTPStatusCode": 400}
        raise ClientError({"Error": error, "ResponseMetadata": metadata}, "GetItem")

    monkeypatch.setattr(api.resources.dynamodb, "get_item", throttle)
    answer = api.call("get_photo")
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]
    assert "slow down" not in str(answer.body)


def test_each_answer_5xx_is_counted_by_version_and_no_other_is(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(**_: object) -> None:
        raise RuntimeError

    assert_problem(api.call("get_photo"), 404)
    monkeypatch.setattr(api.resources.dynamodb, "get_item", fail)
    assert_problem(api.call("get_photo"), 500)
    [metric] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert metric["ServerErrors"] == [1.0]
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "gallery"
    assert [set(names) for names in directive["Dimensions"]] == [{"service", "version"}]
    assert (metric["service"], metric["version"]) == ("gallery_api", "42")


def test_unexpected_error_is_logged_completely_and_answered_without_detail(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    def fail(**_: object) -> None:
        raise RuntimeError("the secret of the table")

    monkeypatch.setattr(api.resources.dynamodb, "get_item", fail)
    answer = api.call("get_photo")
    assert_problem(answer, 500)
    assert "secret" not in str(answer.body)
    error, _ = api.logged()
    assert error["level"] == "ERROR"
    assert "RuntimeError: the secret of the table" in error["exception"]
    assert error["function_request_id"] == REQUEST_ID
    assert error["correlation_id"] == CORRELATION_ID


def test_photo_id_is_not_logged_with_the_next_request(stack: MotoStack, api: Api):
    photo = put(stack)
    api.get(photo.photo_id)
    api.call("get_health")
    of_photo, of_health = api.logged()
    assert of_photo["photo_id"] == photo.photo_id
    assert "photo_id" not in of_health
