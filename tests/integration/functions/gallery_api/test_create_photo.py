import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.exceptions import ReadTimeoutError

from shared.photos import Photo, Status
from tests.support.gallery_api import (
    CORRELATION_ID,
    OWNER,
    REQUEST_ID,
    Answer,
    Api,
    assert_problem,
    put,
    stored,
)
from tests.support.moto_stack import REGION, MotoStack


def policy_of(answer: Answer) -> dict[str, Any]:
    fields = answer.body["upload"]["fields"]
    return dict(json.loads(base64.b64decode(fields["policy"])))


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


def test_location_is_where_the_photo_is_found(api: Api):
    answer = api.create()
    [location] = answer.headers["Location"]
    assert location == f"/api/photos/{answer.body['photo']['photo_id']}"
    found = api.call("get_photo", path=location.removeprefix("/api"))
    assert found.body == answer.body["photo"]


def test_policy_fixes_key_type_size_and_lifetime(api: Api):
    before = datetime.now().astimezone()
    answer = api.create(content_type="image/webp", bytes=1)
    after = datetime.now().astimezone()
    policy = policy_of(answer)
    key = f"uploads/{answer.body['photo']['photo_id']}"
    fixed = [next(iter(c.items())) for c in policy["conditions"] if isinstance(c, dict)]
    assert ("key", key) in fixed
    assert ("bucket", "uploadsbucket") in fixed
    assert ("Content-Type", "image/webp") in fixed
    ranges = [c for c in policy["conditions"] if isinstance(c, list)]
    assert ranges == [["content-length-range", 1, 26_214_400]]
    expiration = datetime.fromisoformat(policy["expiration"])
    lifetime = timedelta(minutes=15)
    assert before + lifetime - timedelta(seconds=1) <= expiration <= after + lifetime


def test_expiry_of_the_form_is_not_overstated(api: Api):
    answer = api.create()
    expires_at = datetime.fromisoformat(answer.body["upload"]["expires_at"])
    expiration = datetime.fromisoformat(policy_of(answer)["expiration"])
    assert timedelta(0) <= expires_at - expiration + timedelta(seconds=1) <= timedelta(seconds=1)


def test_every_field_of_the_form_but_policy_and_signature_is_under_the_policy(api: Api):
    # S3 refuses a form with a field that its policy does not mention.
    answer = api.create()
    conditions = [c for c in policy_of(answer)["conditions"] if isinstance(c, dict)]
    named = {name for condition in conditions for name in condition}
    fields = answer.body["upload"]["fields"].keys() - {"policy", "x-amz-signature"}
    assert fields <= named


def test_form_is_signed_with_version_4_for_the_regional_host(api: Api):
    upload = api.create().body["upload"]
    assert upload["url"] == f"https://uploadsbucket.s3.{REGION}.amazonaws.com/"
    assert upload["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{REGION}/s3/aws4_request" in upload["fields"]["x-amz-credential"]


def test_form_uploads_the_photo(stack: MotoStack, api: Api):
    answer = api.create(content_type="image/webp")
    upload = answer.body["upload"]
    taken = requests.post(
        upload["url"], data=upload["fields"], files={"file": b"a photo"}, timeout=5
    )
    assert taken.ok
    key = f"uploads/{answer.body['photo']['photo_id']}"
    found = stack.s3.get_object(Bucket=stack.names["UploadsBucket"], Key=key)
    assert found["Body"].read() == b"a photo"


def test_no_upload_form_is_issued_without_a_record(api: Api, monkeypatch: pytest.MonkeyPatch):
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
    photo = put(stack)
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


def test_base64_encoded_body_is_taken(api: Api):
    body = b'{"title": "a", "content_type": "image/png", "bytes": 1}'
    encoded = base64.b64encode(body).decode()
    assert api.call("create_photo", body=encoded, isBase64Encoded=True).status == 201
