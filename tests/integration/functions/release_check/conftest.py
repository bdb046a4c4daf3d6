"""Lambda and CodeDeploy at the level of botocore: their answers, and the requests to them."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from release_check.checks import REQUESTS
from tests.support.moto_stack import REGION, new_handler

API_VERSION = f"arn:aws:lambda:{REGION}:123456789012:function:gallery-api:42"
type Answer = tuple[int, dict[str, str], object]


class Raw(io.BytesIO):
    """A response's body, as urllib3 would hand it over."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def http(status: int, body: object, content_type: str = "application/json") -> Answer:
    """A new version's answer to API Gateway, by way of Lambda's API."""
    headers = {"Content-Type": [content_type]}
    answer = {"statusCode": status, "body": json.dumps(body), "multiValueHeaders": headers}
    return 200, {}, answer


@dataclass
class Aws:
    """Both services. An answer may be an exception; of CodeDeploy's each is given once."""

    version: dict[str, Answer | Exception]
    codedeploy: list[Answer | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reported: list[dict[str, str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent = json.loads(request.body)
        if "httpMethod" in sent:
            assert "gallery-api%3A42" in request.url
            name = f"{sent['httpMethod']} {sent['path']}"
            self.asked.append(name)
            answer = self.version[name]
        else:
            self.reported.append(sent)
            answer = self.codedeploy.pop(0) if self.codedeploy else (200, {}, {})
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer
        return AWSResponse(request.url, status, headers, Raw(json.dumps(body).encode()))


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    """The handler as a new execution environment has it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("POWERTOOLS_SERVICE_NAME", "release_check")
        patch.setenv("API_VERSION", API_VERSION)
        yield new_handler("release_check")


@pytest.fixture
def aws(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The services; by default the new version answers well, and CodeDeploy accepts the report."""
    errors = {"status": 400, "errors": [{"pointer": "#/title", "detail": "must be …"}]}
    answers = (
        http(200, {"version": "42"}),
        http(200, {"photos": [], "cursor": None}),
        http(400, errors, "application/problem+json"),
    )
    aws = Aws(dict(zip(REQUESTS, answers, strict=True)))
    monkeypatch.setattr("botocore.endpoint.time.sleep", aws.pauses.append)
    clients: tuple[Any, ...] = (module.lambda_, module.codedeploy)
    for client in clients:
        client.meta.events.register("before-send", aws.send)
    yield aws
    for client in clients:
        client.meta.events.unregister("before-send", aws.send)
