"""The API as API Gateway calls it, and its table."""

import io
import json
from dataclasses import dataclass
from typing import Any

from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Status
from shared.security_headers import api_headers
from tests.support.moto_stack import REGION, MotoStack
from tests.support.public_reads import PUBLIC_READ
from tests.support.repository import ROOT

EVENTS = ROOT / "events"
OWNER = "3f1c2b7a-90d4-4c1e-8f0a-5d6e7f809112"  # who is signed in, in the events
STRANGER = "b8e1f6d2-0c3a-4e57-9d41-7a2b3c4d5e6f"
REQUEST_ID = "5f1f3d5e-0d5b-4f5c-9f0a-1f2e3d4c5b6a"
CORRELATION_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"  # the gateway's request id, in the events


@dataclass
class Context:
    function_name: str = "gallery_api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:gallery_api:live"
    aws_request_id: str = REQUEST_ID
    function_version: str = "42"
    remaining_time_in_millis: int = 25_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_time_in_millis


@dataclass
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: Any


class Api:
    """The function as API Gateway calls it: with an event file, or what a test changes in it."""

    def __init__(self, stack: MotoStack) -> None:
        module = stack.handler("gallery_api")
        self.handler = module.handler
        self.routes = module.photos
        self.resources = module.resources
        self.log = io.StringIO()
        module.logger.registered_handler.stream = self.log

    def call(
        self, name: str, claims: object = None, milliseconds: int = 25_000, **changes: object
    ) -> Answer:
        """Ask with the event of this name; `claims` are those of its token, if not its own."""
        event = load_request(name) | changes
        if claims is not None:
            event["requestContext"]["authorizer"] = {"claims": claims}
        answer = self.handler(event, Context(remaining_time_in_millis=milliseconds))
        assert answer["isBase64Encoded"] is False
        headers = answer["multiValueHeaders"]
        assert headers["Cache-Control"] == [PUBLIC_READ if "ETag" in headers else "no-store"]
        assert {name: [text] for name, text in api_headers().items()}.items() <= headers.items()
        if answer["statusCode"] in {204, 304}:
            assert answer["body"] == ""
            assert "Content-Type" not in headers
        else:
            assert len(headers["Content-Type"]) == 1
        return Answer(answer["statusCode"], headers, json.loads(answer["body"] or "null"))

    def create(self, key: str | None = None, owner: str = OWNER, **fields: object) -> Answer:
        """`POST /photos` by this owner; with this `Idempotency-Key` if it is not None."""
        event = load_request("create_photo")
        headers = event["headers"] | ({} if key is None else {"idempotency-key": key})
        body = json.dumps(json.loads(event["body"]) | fields)
        return self.call("create_photo", signed_in(owner), headers=headers, body=body)

    def delete(self, photo_id: str, owner: str = OWNER, milliseconds: int = 25_000) -> Answer:
        return self.call("delete_photo", signed_in(owner), milliseconds, path=f"/photos/{photo_id}")

    def list_own(self, owner: str = OWNER, **query: str) -> Answer:
        claims = signed_in(owner)
        return self.call("list_own_photos", claims, queryStringParameters=query or None)

    def get(self, photo_id: str) -> Answer:
        return self.call("get_photo", path=f"/photos/{photo_id}")

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def load_request(name: str) -> dict[str, Any]:
    """A request from `events/`, by what is between `api_` and the ending."""
    return dict(json.loads((EVENTS / f"api_{name}.json").read_text()))


def signed_in(owner: str) -> dict[str, str]:
    """The claims of an ID token, as far as the function reads them."""
    return {"sub": owner, "token_use": "id"}


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == ["application/problem+json"]
    assert answer.body["status"] == status
    assert answer.body["type"] == "about:blank"
    assert answer.body["title"]
    assert answer.body["detail"]
    assert answer.body["instance"] == f"urn:uuid:{REQUEST_ID}"
    assert answer.body.keys() <= {"type", "title", "status", "detail", "instance", "errors"}
    for error in answer.body.get("errors", []):
        assert error.keys() == {"pointer", "detail"}


def stored(stack: MotoStack) -> list[Photo]:
    items = stack.dynamodb.scan(TableName=stack.names["PhotosTable"])["Items"]
    return [from_item(item, Photo) for item in items]


def put(stack: MotoStack, **values: object) -> Photo:
    fields: dict[str, Any] = {
        "photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "version": 2,
        "status": Status.READY,
        "owner": OWNER,
        "title": "Harbour at dawn",
        "content_type": "image/jpeg",
        "bytes": 1000,
        "created_at": "2026-11-20T12:34:56.789Z",
        **values,
    }
    photo = Photo(**fields)
    stack.dynamodb.put_item(TableName=stack.names["PhotosTable"], Item=to_item(photo))
    return photo
