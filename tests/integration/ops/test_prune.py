"""Versions that nothing uses are deleted; those that something uses, or may need, are kept."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import moto
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from ops.deployed_stack import StackResource
from ops.prune import UnusedVersions, delete, find_unused

REGION = "us-east-1"


def archive(code: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("handler.py", code)
    return file.getvalue()


@pytest.fixture
def client() -> Iterator[Any]:
    with moto.mock_aws():
        yield boto3.client("lambda", REGION)


def resource(logical_id: str, kind: str, physical_id: str, status: str) -> StackResource:
    return StackResource(logical_id, physical_id, f"AWS::Lambda::{kind}", status, "")


def layer(client: Any, count: int) -> list[str]:
    return [
        client.publish_layer_version(
            LayerName="shared", Content={"ZipFile": archive(f"layer {number}")}
        )["LayerVersionArn"]
        for number in range(count)
    ]


def function(client: Any, versions: int, **more: Any) -> str:
    """A function with that many versions; the alias `live` is at the last one."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam = boto3.client("iam", REGION)
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    arn: str = client.create_function(
        FunctionName="api",
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": archive("0")},
        **more,
    )["FunctionArn"]
    for number in range(versions):
        client.update_function_code(FunctionName="api", ZipFile=archive(str(number)))
        client.publish_version(FunctionName="api")
    client.create_alias(FunctionName="api", Name="live", FunctionVersion=str(versions))
    return arn


def stack(arn: str, version: int, *layers: str) -> list[StackResource]:
    return [
        resource("ApiFunction", "Function", "api", "UPDATE_COMPLETE"),
        resource("ApiFunctionVersion", "Version", f"{arn}:{version}", "CREATE_COMPLETE"),
        *(resource("SharedLayer", "LayerVersion", each, "CREATE_COMPLETE") for each in layers),
    ]


def test_versions_before_those_in_use_are_unused_except_the_newest(client: Any):
    arn = function(client, 6)
    assert find_unused(stack(arn, 6), client, keep=2) == [
        UnusedVersions("ApiFunction", "api", is_layer=False, versions=(1, 2, 3))
    ]
    assert find_unused(stack(arn, 6), client, keep=5) == []


def test_version_that_an_alias_shifts_traffic_to_is_in_use(client: Any):
    arn = function(client, 6)
    client.update_alias(
        FunctionName="api",
        Name="live",
        FunctionVersion="6",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    [unused] = find_unused(stack(arn, 6), client, keep=0)
    assert unused.versions == (1,)


def test_nothing_is_unused_if_nothing_says_which_version_is_in_use(client: Any):
    function(client, 3)
    client.delete_alias(FunctionName="api", Name="live")
    only = [resource("ApiFunction", "Function", "api", "UPDATE_COMPLETE")]
    assert find_unused(only, client, keep=0) == []


def test_layer_version_that_no_function_of_the_account_uses_is_deleted(client: Any):
    _, used, newest = layer(client, 3)
    arn = function(client, 1, Layers=[used])
    [unused] = find_unused(stack(arn, 1, newest), client, keep=3)
    assert unused == UnusedVersions("SharedLayer", "shared", is_layer=True, versions=(1,))
    output = io.StringIO()
    delete(client, unused, Console(file=output))
    assert "SharedLayer: version 1 is deleted" in output.getvalue()
    left = client.list_layer_versions(LayerName="shared")["LayerVersions"]
    assert sorted(each["Version"] for each in left) == [2, 3]


def test_layer_version_that_is_shared_is_kept(client: Any):
    *_, newest = layer(client, 3)
    client.add_layer_version_permission(
        LayerName="shared",
        VersionNumber=1,
        StatementId="other",
        Action="lambda:GetLayerVersion",
        Principal="111122223333",
    )
    [unused] = find_unused(stack(function(client, 1), 1, newest), client, keep=3)
    assert unused.versions == (2,)


def test_unused_versions_of_a_function_are_deleted(client: Any):
    arn = function(client, 3)
    [unused] = find_unused(stack(arn, 3), client, keep=1)
    delete(client, unused, Console(file=io.StringIO()))
    left = client.list_versions_by_function(FunctionName="api")["Versions"]
    assert [each["Version"] for each in left] == ["$LATEST", "2", "3"]
    assert find_unused(stack(arn, 3), client, keep=1) == []


def test_version_with_replicas_at_cloudfront_stays(client: Any, monkeypatch: pytest.MonkeyPatch):
    message = (
        "Lambda was unable to delete arn:aws:lambda:us-east-1:123456789012:function:api:1"
        " because it is a replicated function."
    )
    refusal: Any = {"Error": {"Code": "InvalidParameterValueException", "Message": message}}

    def refuse(**_: object) -> None:
        raise ClientError(refusal, "DeleteFunction")

    monkeypatch.setattr(client, "delete_function", refuse)
    output = io.StringIO()
    delete(
        client, UnusedVersions("Edge", "api", is_layer=False, versions=(1,)), Console(file=output)
    )
    assert "Edge: version 1 stays, because CloudFront has replicas of it." in output.getvalue()
    assert "is deleted" not in output.getvalue()
