"""What localcloud's CloudFront reads from the APIs, and how it invokes the function."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from localcloud.cloud import Cloud, CloudError
from localcloud.cloudfront import api
from localcloud.cloudfront.answers import FunctionError, InvalidAnswerError
from localcloud.cloudfront.api import Api
from tests.support.distributions import FUNCTION
from tests.unit.localcloud.cloudfront.test_behaviours import CACHE_POLICIES, REQUEST_POLICIES, given


class CloudFront:
    """The calls of boto3's client that are in use, over two pages each."""

    def __init__(self) -> None:
        self.distributions = [{"Id": "E1", "Enabled": True}, {"Id": "E2", "Enabled": False}]
        self.invalidations: dict[str, list[str]] = {}

    def get_paginator(self, name: str) -> Any:
        items, shape = {
            "list_distributions": (self.distributions, "DistributionList"),
            "list_invalidations": (
                [{"Id": each} for each in self.invalidations],
                "InvalidationList",
            ),
        }[name]

        class Paginator:
            def paginate(self, **_: str) -> list[Any]:
                return [{shape: {}}, {shape: {"Items": items[:1]}}, {shape: {"Items": items[1:]}}]

        return Paginator()

    def get_distribution(self, **call: str) -> Any:
        assert call == {"Id": "E1"}
        return {"Distribution": given()}

    def get_cache_policy(self, **call: str) -> Any:
        return {"CachePolicy": {"CachePolicyConfig": CACHE_POLICIES[call["Id"]]}}

    def get_origin_request_policy(self, **call: str) -> Any:
        return {"OriginRequestPolicy": {"OriginRequestPolicyConfig": REQUEST_POLICIES[call["Id"]]}}

    def get_invalidation(self, **call: str) -> Any:
        assert call["DistributionId"] == "E1"
        paths = self.invalidations[call["Id"]]
        return {"Invalidation": {"InvalidationBatch": {"Paths": {"Items": paths}}}}


class Lambda:
    """Answers the next invocation with `answer`, or raises it."""

    answer: Any = None
    invoked: tuple[str, Any] | None = None

    def invoke(self, **call: Any) -> Any:
        self.invoked = call["FunctionName"], json.loads(call["Payload"])
        if isinstance(self.answer, Exception):
            raise self.answer
        answer = dict(self.answer)
        return {"Payload": io.BytesIO(answer.pop("payload")), **answer}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {"cloudfront": CloudFront(), "lambda": Lambda()}
    monkeypatch.setattr(api, "root_client", lambda _, service, **__: made[service])
    return made


@pytest.fixture
def read(clients: dict[str, Any]) -> Api:
    assert clients
    return Api(Cloud("127.0.0.1", 4566))


def test_enabled_distribution_is_read_with_its_policies(read: Api):
    distribution = read.distribution()
    assert distribution.id == "E1"
    assert [each.pattern for each in distribution.behaviours] == ["/api/*", "*"]
    assert distribution.behaviours[0].forward.headers.kind == "allExcept"


@pytest.mark.parametrize("enabled", [[], ["E1", "E2"]])
def test_there_must_be_one_distribution(read: Api, clients: dict[str, Any], enabled: list[str]):
    clients["cloudfront"].distributions = [{"Id": each, "Enabled": True} for each in enabled]
    with pytest.raises(CloudError, match=f"and {len(enabled)} are enabled"):
        read.distribution()


def test_each_invalidation_is_returned_once(read: Api, clients: dict[str, Any]):
    assert read.new_invalidations("E1") == []
    clients["cloudfront"].invalidations = {"I1": ["/a", "/b"], "I2": ["/c*"]}
    assert read.new_invalidations("E1") == ["/a", "/b", "/c*"]
    assert read.new_invalidations("E1") == []
    clients["cloudfront"].invalidations["I3"] = ["/a"]
    assert read.new_invalidations("E1") == ["/a"]


def test_function_is_invoked_at_its_version(read: Api, clients: dict[str, Any]):
    clients["lambda"].answer = {"payload": b'{"status": "200"}'}
    assert read.invoke(FUNCTION, {"Records": []}) == {"status": "200"}
    assert clients["lambda"].invoked == (FUNCTION, {"Records": []})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            {"payload": b'{"errorMessage": "no"}', "FunctionError": "Unhandled"},
            "LambdaExecutionError",
        ),
        (ConnectTimeoutError(endpoint_url="x"), "LambdaExecutionError"),
        (
            ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Invoke"),
            "LambdaExecutionError",
        ),
        (
            ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
            "LambdaLimitExceeded",
        ),
    ],
)
def test_invocation_that_fails_is_503(read: Api, clients: dict[str, Any], answer: Any, kind: str):
    clients["lambda"].answer = answer
    with pytest.raises(FunctionError) as failed:
        read.invoke(FUNCTION, {})
    assert (failed.value.status, failed.value.kind) == (503, kind)


def test_answer_that_is_not_json_is_invalid(read: Api, clients: dict[str, Any]):
    clients["lambda"].answer = {"payload": b"<html>"}
    with pytest.raises(InvalidAnswerError):
        read.invoke(FUNCTION, {})
