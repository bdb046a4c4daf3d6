import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import requests
from botocore.exceptions import ReadTimeoutError

from gallery_api.models import NewPhoto
from shared.photos import Photo, Status
from tests.support.gallery_api import (
    CORRELATION_ID,
    OWNER,
    REQUEST_ID,
    STRANGER,
    Answer,
    Api,
    assert_problem,
    put,
    stored,
)
from tests.support.moto_stack import REGION, MotoStack


def signed(answer: Answer) -> dict[str, str]:
    """The parameters of the signature, from the query string of the address."""
    return dict(parse_qsl(urlsplit(answer.body["upload"]["url"]).query))


def signed_at(answer: Answer) -> datetime:
    return datetime.strptime(signed(answer)["X-Amz-Date"], "%Y%m%dT%H%M%S%z")


def test_photo_is_recorded_as_pending(stack: MotoStack, api: Api):
    answer = api.create(title="Harbour at dawn", content_type="image/heic", bytes=1000)
    assert answer.status == 201
    [photo] = stored(stack)
    assert photo == Photo(
        photo_id=answer.body["photo"]["photo_id"],
        version=1,
        status=Status.PENDING,
        owner=OWNER,
        title="Harbour at dawn",
        content_type="image/heic",
        bytes=1000,
        created_at=answer.body["photo"]["created_at"],
        correlation_id=CORRELATION_ID,
    )
    assert CORRELATION_ID not in json.dumps(answer.body)


def test_record_and_answer_have_every_field_that_the_owner_sends(stack: MotoStack, api: Api):
    sent = {"title": "Harbour at dawn", "content_type": "image/heic", "bytes": 1000}
    assert sent.keys() == set(NewPhoto.__struct_fields__), (
        "Left: fields that this test sends, right: fields of NewPhoto. Send a new field here, with"
        " another value than its default."
    )
    answer = api.create(**sent)
    [photo] = stored(stack)
    assert msgspec.to_builtins(photo).items() >= sent.items(), "see _create in routes/photos.py"
    assert answer.body["photo"].items() >= sent.items()


def test_location_is_where_the_photo_is_found(api: Api):
    answer = api.create()
    [location] = answer.headers["Location"]
    assert location == f"/api/photos/{answer.body['photo']['photo_id']}"
    found = api.call("get_photo", path=location.removeprefix("/api"))
    assert found.body == answer.body["photo"]


def test_signature_covers_key_type_size_and_that_no_object_exists(api: Api):
    answer = api.create(content_type="image/webp", bytes=1)
    upload = answer.body["upload"]
    assert (upload["method"], upload["headers"]) == (
        "PUT",
        {"Content-Type": "image/webp", "If-None-Match": "*"},
    )
    assert signed(answer)["X-Amz-SignedHeaders"].split(";") == [
        "content-length",
        "content-type",
        "host",
        "if-none-match",
    ]
    assert urlsplit(upload["url"]).path == f"/uploads/{answer.body['photo']['photo_id']}"


def test_upload_is_signed_for_fifteen_minutes(api: Api):
    before = datetime.now(UTC)
    answer = api.create()
    after = datetime.now(UTC)
    assert signed(answer)["X-Amz-Expires"] == "900"
    assert before - timedelta(seconds=1) <= signed_at(answer) <= after


def test_expiry_of_the_upload_is_not_overstated(api: Api):
    answer = api.create()
    expires_at = datetime.fromisoformat(answer.body["upload"]["expires_at"])
    expiration = signed_at(answer) + timedelta(minutes=15)
    assert timedelta(0) <= expires_at - expiration + timedelta(seconds=1) <= timedelta(seconds=1)


def test_upload_is_signed_with_version_4_for_the_regional_host(api: Api):
    answer = api.create()
    assert (
        urlsplit(answer.body["upload"]["url"]).netloc == f"uploadsbucket.s3.{REGION}.amazonaws.com"
    )
    assert signed(answer)["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{REGION}/s3/aws4_request" in signed(answer)["X-Amz-Credential"]


def test_request_uploads_the_photo_once(stack: MotoStack, api: Api):
    answer = api.create(content_type="image/webp", bytes=len(b"a photo"))
    upload = answer.body["upload"]
    key = f"uploads/{answer.body['photo']['photo_id']}"
    for body, status in ((b"a photo", 200), (b"another", 412)):
        taken = requests.request(
            upload["method"], upload["url"], headers=upload["headers"], data=body, timeout=5
        )
        assert taken.status_code == status
        found = stack.s3.get_object(Bucket=stack.names["UploadsBucket"], Key=key)
        assert found["Body"].read() == b"a photo"
        assert found["ContentType"] == "image/webp"


def test_no_upload_is_signed_without_a_record(api: Api, monkeypatch: pytest.MonkeyPatch):
    def refuse(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(api.resources.dynamodb, "put_item", refuse)
    answer = api.create()
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]


def test_lost_answer_of_dynamodb_does_not_lose_the_photo(
    stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch
):
    put_item = api.resources.dynamodb.put_item

    def put_twice(**request: object) -> None:
        put_item(**request)
        put_item(**request)

    monkeypatch.setattr(api.resources.dynamodb, "put_item", put_twice)
    assert api.create().status == 201
    assert len(stored(stack)) == 1


def test_existing_id_is_never_overwritten(
    stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch
):
    photo = put(stack, owner=STRANGER)
    monkeypatch.setattr(api.routes, "new_photo_id", lambda _: photo.photo_id)
    assert_problem(api.create(), 500)
    assert stored(stack) == [photo]


def test_created_photo_is_counted_and_logged(api: Api, capsys: pytest.CaptureFixture[str]):
    photo_id = api.create().body["photo"]["photo_id"]
    [metric] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert metric["PhotosCreated"] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "gallery"
    [line] = api.logged()
    assert line["photo_id"] == photo_id
    assert line["function_request_id"] == REQUEST_ID
    assert line["correlation_id"] == CORRELATION_ID
    assert (line["method"], line["path"], line["status"]) == ("POST", "/photos", 201)


def test_unknown_field_is_refused_and_nothing_recorded(stack: MotoStack, api: Api):
    answer = api.call("create_photo_unknown_field")
    assert_problem(answer, 400)
    assert answer.body["errors"] == [{"pointer": "#/owner", "detail": "is not a known field"}]
    assert stored(stack) == []


def test_body_that_is_not_json_is_refused(api: Api):
    assert_problem(api.call("create_photo", body="{"), 400)


def test_missing_body_is_refused(api: Api):
    assert_problem(api.call("create_photo", body=None), 400)


def test_form_encoded_body_is_refused(api: Api):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_problem(api.call("create_photo", headers=headers), 415)


def test_oversized_body_is_refused(api: Api):
    assert_problem(api.create(title="a" * 100_000), 413)


def test_base64_encoded_body_is_accepted(api: Api):
    body = b'{"title": "a", "content_type": "image/png", "bytes": 1}'
    encoded = base64.b64encode(body).decode()
    assert api.call("create_photo", body=encoded, isBase64Encoded=True).status == 201
