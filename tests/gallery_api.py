"""The API as its gateway calls it, and what its table holds."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Status
from tests.stack import REGION, Stack

EVENTS = Path(__file__).parents[1] / "events"
REQUEST_ID = "5f1f3d5e-0d5b-4f5c-9f0a-1f2e3d4c5b6a"


@dataclass
class Context:
    function_name: str = "gallery_api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:gallery_api:live"
    aws_request_id: str = REQUEST_ID
    function_version: str = "42"


@dataclass
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: Any


class Api:
    """The function as API Gateway calls it: with an event file, or what a test changes in it."""

    def __init__(self, stack: Stack) -> None:
        module = stack.handler("gallery_api")
        self.handler = module.handler
        self.routes = module.photos
        self.log = io.StringIO()
        module.logger.registered_handler.stream = self.log

    def call(self, name: str, **changes: object) -> Answer:
        event = json.loads((EVENTS / f"api_{name}.json").read_text()) | changes
        answer = self.handler(event, Context())
        assert answer["isBase64Encoded"] is False
        assert answer["multiValueHeaders"]["Cache-Control"] == ["no-store"]
        return Answer(answer["statusCode"], answer["multiValueHeaders"], json.loads(answer["body"]))

    def create(self, **fields: object) -> Answer:
        event = json.loads((EVENTS / "api_create_photo.json").read_text())
        return self.call("create_photo", body=json.dumps(json.loads(event["body"]) | fields))

    def get(self, photo_id: str) -> Answer:
        return self.call("get_photo", path=f"/photos/{photo_id}")

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


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


def stored(stack: Stack) -> list[Photo]:
    items = stack.dynamodb.scan(TableName=stack.names["PhotosTable"])["Items"]
    return [from_item(item, Photo) for item in items]


def put(stack: Stack, **values: object) -> Photo:
    fields: dict[str, Any] = {
        "photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "version": 2,
        "status": Status.READY,
        "owner": "somebody",
        "title": "Harbour at dawn",
        "content_type": "image/jpeg",
        "bytes": 1000,
        "created_at": "2026-11-20T12:34:56.789Z",
        **values,
    }
    photo = Photo(**fields)
    stack.dynamodb.put_item(TableName=stack.names["PhotosTable"], Item=to_item(photo))
    return photo
