"""A read over HTTP: the template's catalog table in moto, served by the test."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edge_headers import photo_pages
from edge_headers.handler import handler
from tests.support.moto_stack import MotoStack
from tests.support.repository import ROOT

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
KEY = f"photos/{PHOTO}/7d7ac77c0c54d8b35d70c2670e0b6631/large.webp"


class DynamoDB(ThreadingHTTPServer):
    """Answers a GetItem from moto, whole or a byte at a time."""

    def __init__(self, client: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.client = client
        self.requests: list[dict[str, Any]] = []
        self.status = 200
        self.drips = False
        self.over = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: DynamoDB

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"headers": dict(self.headers.items()), "body": body})
        found = self.server.client.get_item(**body)
        del found["ResponseMetadata"]
        answer = json.dumps(found).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.server.drips:
            for octet in answer:  # each comes within a socket's own limit
                if self.server.over.wait(photo_pages.LIMIT_SECONDS / 4):
                    return
                self.wfile.write(bytes([octet]))
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Requests are kept, not printed."""


@pytest.fixture
def dynamodb(stack: MotoStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDB]:
    monkeypatch.setattr(photo_pages, "memory", photo_pages.Memory())
    monkeypatch.setattr(photo_pages, "LIMIT_SECONDS", 60)
    with DynamoDB(stack.dynamodb) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def put(stack: MotoStack) -> Any:
    def put(status: str) -> None:
        large = {"M": {"key": {"S": KEY}}}
        stack.dynamodb.put_item(
            TableName=stack.names["CatalogTable"],
            Item={
                "photo_id": {"S": PHOTO},
                "status": {"S": status},
                "title": {"S": "not asked for"},
                "renditions": {"M": {"large": large, "thumb": large}},
            },
        )

    return put


def page_event(stack: MotoStack, endpoint: str) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads((ROOT / "events/cloudfront_photo_page.json").read_text())
    custom = asked["Records"][0]["cf"]["request"]["origin"]["s3"]["customHeaders"]
    custom["x-gallery-endpoint"][0]["value"] = endpoint
    custom["x-gallery-catalog-table"][0]["value"] = stack.names["CatalogTable"]
    return asked


def ask(stack: MotoStack, endpoint: str) -> dict[str, str]:
    answer = handler(page_event(stack, endpoint), None)
    return {name: line["value"] for name, [line] in answer["headers"].items()}


def test_a_ready_photo_is_found(stack: MotoStack, dynamodb: DynamoDB, put: Any):
    put("READY")
    assert ask(stack, dynamodb.endpoint)["link"].startswith(f"</{KEY}>; rel=preload")
    [request] = dynamodb.requests
    assert request["headers"]["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert request["headers"]["host"] == f"127.0.0.1:{dynamodb.server_port}"
    assert request["headers"]["x-amz-security-token"] == "testing"
    table = stack.names["CatalogTable"]
    assert stack.dynamodb.get_item(**request["body"])["Item"].keys() == {"status", "renditions"}
    assert request["body"]["TableName"] == table


@pytest.mark.parametrize("status", ["DELETED", None])
def test_a_deleted_or_unknown_photo_is_not_indexed(
    stack: MotoStack, dynamodb: DynamoDB, put: Any, status: str | None
):
    if status:
        put(status)
    answered = ask(stack, dynamodb.endpoint)
    assert answered["x-robots-tag"] == "noindex"
    assert "link" not in answered
    assert len(dynamodb.requests) == 1


@pytest.mark.parametrize("status", [400, 500])
def test_refused_write_is_logged_with_the_message_of_dynamodb(
    stack: MotoStack, dynamodb: DynamoDB, caplog: pytest.LogCaptureFixture, status: int
):
    dynamodb.status = status
    assert ask(stack, dynamodb.endpoint)["x-robots-tag"] == "noindex"
    [record] = caplog.records
    assert f"GetItem on {stack.names['CatalogTable']}: {status}" in record.getMessage()
    assert not record.exc_info


def test_an_answer_that_arrives_byte_by_byte_ends_at_the_limit(
    stack: MotoStack,
    dynamodb: DynamoDB,
    put: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(photo_pages, "LIMIT_SECONDS", 0.2)
    put("READY")
    dynamodb.drips = True
    assert ask(stack, dynamodb.endpoint)["x-robots-tag"] == "noindex"
    assert not dynamodb.over.is_set()
    [record] = caplog.records
    assert "TimeoutError" in record.getMessage()


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1", "https://", "nonsense", "http://["])
def test_a_catalog_that_cannot_be_reached_costs_the_preload_only(
    stack: MotoStack,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(photo_pages, "memory", photo_pages.Memory())
    answered = ask(stack, endpoint)
    assert answered["x-robots-tag"] == "noindex"
    assert answered["cache-control"] == "public, max-age=0, s-maxage=1"
    [record] = caplog.records
    assert f"endpoint={endpoint}" in record.getMessage()


@pytest.mark.parametrize("missing", ["x-gallery-endpoint", "x-gallery-catalog-table"])
def test_a_missing_setting_is_logged_with_the_file_that_sets_it(
    stack: MotoStack, dynamodb: DynamoDB, caplog: pytest.LogCaptureFixture, missing: str
):
    asked = page_event(stack, dynamodb.endpoint)
    del asked["Records"][0]["cf"]["request"]["origin"]["s3"]["customHeaders"][missing]
    assert "x-robots-tag" in handler(asked, None)["headers"]
    assert dynamodb.requests == []
    [record] = caplog.records
    assert "distribution.yaml" in record.getMessage()
    assert missing in record.getMessage()


def test_without_credentials_a_page_is_served_and_not_indexed(
    stack: MotoStack, dynamodb: DynamoDB, put: Any, monkeypatch: pytest.MonkeyPatch
):
    put("READY")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert ask(stack, dynamodb.endpoint)["x-robots-tag"] == "noindex"
    assert dynamodb.requests == []
