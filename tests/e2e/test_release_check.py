"""The release check as CodeDeploy calls it, on the deployed stack; CodeDeploy itself is a stub."""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from demo.application import STACK
from localcloud.cloud import Cloud
from tests.support.repository import ROOT
from tests.support.waiting import awaited

EVENT = json.loads((ROOT / "events/codedeploy_before_traffic.json").read_text())
OPERATION = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"


@pytest.fixture(scope="module")
def reports() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """CodeDeploy's address, and the reports that arrive there."""
    told: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = self.headers["X-Amz-Target"] == OPERATION
            if known:
                told.append(sent)
            answer = json.dumps({}).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", told
        server.shutdown()


class ReleaseCheck:
    """The deployed function; a test may change its environment."""

    def __init__(self, cloud: Cloud, endpoint: str) -> None:
        self._lambda = cloud.client("lambda")
        self._endpoint = endpoint
        resource = cloud.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId="ReleaseCheckFunction"
        )
        self.name = resource["StackResourceDetail"]["PhysicalResourceId"]
        configuration = self._lambda.get_function_configuration(FunctionName=self.name)
        self.environment = configuration["Environment"]["Variables"]
        self._now = self.environment

    def set(self, **variables: str) -> None:
        own = {"AWS_ENDPOINT_URL_CODEDEPLOY": self._endpoint}
        self._update(self.environment | own | variables)

    def restore(self) -> None:
        self._update(self.environment)

    def invoke(self, event: object = EVENT) -> tuple[dict[str, Any], bool]:
        """What it answers, and whether it failed."""
        answer = self._lambda.invoke(FunctionName=self.name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), "FunctionError" in answer

    def _update(self, variables: dict[str, str]) -> None:
        if variables == self._now:
            return  # and its process stays warm
        self._now = variables
        environment = {"Variables": variables}
        self._lambda.update_function_configuration(FunctionName=self.name, Environment=environment)
        awaited(self._updated)

    def _updated(self) -> bool:
        configuration = self._lambda.get_function_configuration(FunctionName=self.name)
        return bool(configuration["LastUpdateStatus"] == "Successful")


@pytest.fixture(scope="module")
def deployed(
    cloud: Cloud,
    stack: dict[str, str],  # noqa: ARG001 - whose function it is
    reports: tuple[str, list[dict[str, str]]],
) -> Iterator[ReleaseCheck]:
    deployed = ReleaseCheck(cloud, reports[0])
    yield deployed
    deployed.restore()


@pytest.fixture
def release_check(deployed: ReleaseCheck) -> ReleaseCheck:
    """As it was deployed, but for where CodeDeploy is."""
    deployed.set()
    return deployed


@pytest.fixture
def told(reports: tuple[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    """The reports that CodeDeploy gets in this test."""
    reports[1].clear()
    return reports[1]


def report(status: str) -> dict[str, str]:
    return {
        "deploymentId": EVENT["DeploymentId"],
        "lifecycleEventHookExecutionId": EVENT["LifecycleEventHookExecutionId"],
        "status": status,
    }


def photos(cloud: Cloud, stack: dict[str, str]) -> int:
    pages = cloud.client("dynamodb").get_paginator("scan")
    found = pages.paginate(TableName=stack["PhotosTableName"], Select="COUNT")
    return sum(page["Count"] for page in found)


@contextlib.contextmanager
def broken_version(cloud: Cloud, stack: dict[str, str]) -> Iterator[str]:
    """A version of the API whose handler cannot be imported; its ARN."""
    client, name = cloud.client("lambda"), stack["GalleryApiFunctionName"]
    handler = client.get_function_configuration(FunctionName=name)["Handler"]
    client.update_function_configuration(FunctionName=name, Handler="gallery_api.gone.handler")
    try:
        published = client.publish_version(FunctionName=name)
    finally:
        client.update_function_configuration(FunctionName=name, Handler=handler)
    try:
        yield published["FunctionArn"]
    finally:
        client.delete_function(FunctionName=name, Qualifier=published["Version"])


def test_deployed_version_passes_and_nothing_is_written(
    cloud: Cloud,
    stack: dict[str, str],
    release_check: ReleaseCheck,
    told: list[dict[str, str]],
):
    alias = cloud.client("lambda").get_alias(
        FunctionName=stack["GalleryApiFunctionName"], Name="live"
    )
    asked = release_check.environment["API_VERSION"]
    assert asked.rsplit(":", 2)[1:] == [stack["GalleryApiFunctionName"], alias["FunctionVersion"]]
    before = photos(cloud, stack)
    assert release_check.invoke() == ({"status": "Succeeded", "reasons": []}, False)
    assert told == [report("Succeeded")]
    assert photos(cloud, stack) == before


def test_unknown_key_is_ignored_and_a_missing_id_fails(
    release_check: ReleaseCheck, told: list[dict[str, str]]
):
    assert release_check.invoke(EVENT | {"Records": []}) == (
        {"status": "Succeeded", "reasons": []},
        False,
    )
    assert told == [report("Succeeded")]
    answer, failed = release_check.invoke({"DeploymentId": EVENT["DeploymentId"]})
    assert failed
    assert "LifecycleEventHookExecutionId" in answer["errorMessage"]
    assert len(told) == 1


def test_broken_version_gets_no_traffic(
    cloud: Cloud,
    stack: dict[str, str],
    release_check: ReleaseCheck,
    told: list[dict[str, str]],
):
    with broken_version(cloud, stack) as version_arn:
        release_check.set(API_VERSION=version_arn)
        answer, failed = release_check.invoke()
    assert not failed
    assert answer["status"] == "Failed"
    assert len(answer["reasons"]) == 3
    # On a slow machine the version's cold start fails only after the client's read timeout.
    assert all(
        re.search("the function failed|no answer|not asked", each) for each in answer["reasons"]
    ), answer
    assert told == [report("Failed")]


def test_role_allows_calls_of_the_api_only(
    cloud: Cloud,
    stack: dict[str, str],
    release_check: ReleaseCheck,
    told: list[dict[str, str]],
):
    other = cloud.client("lambda").get_function_configuration(
        FunctionName=stack["ThumbnailerFunctionName"]
    )
    release_check.set(API_VERSION=other["FunctionArn"])
    answer, failed = release_check.invoke()
    assert not failed
    assert all("AccessDenied" in reason for reason in answer["reasons"]), answer
    assert told == [report("Failed")]
