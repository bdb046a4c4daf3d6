"""The resources of template.yaml in moto: tables, buckets, queues, and functions' environments."""

import contextlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import moto
import pytest

from tests.support.repository import load_template

REGION = "eu-central-1"


class MotoStack:
    """The template's stateful resources in moto, and its functions' modules on top of them."""

    def __init__(self, template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.template = template
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.s3 = boto3.client("s3", REGION)
        self.sqs = boto3.client("sqs", REGION)
        self._monkeypatch = monkeypatch
        self.names: dict[str, str] = {"AWS::StackName": "gallery"}
        for logical_id, resource in template["Resources"].items():
            match resource["Type"]:
                case "AWS::DynamoDB::Table":
                    self.names[logical_id] = self._make_table(logical_id, resource["Properties"])
                case "AWS::S3::Bucket":
                    self.names[logical_id] = self._make_bucket(logical_id)
                case "AWS::Kinesis::Stream":
                    boto3.client("kinesis", REGION).create_stream(
                        StreamName=logical_id, ShardCount=1
                    )
                    self.names[logical_id] = logical_id
                case "AWS::SQS::Queue":
                    url = self.sqs.create_queue(QueueName=logical_id)["QueueUrl"]
                    self.names[logical_id] = url

    def _make_table(self, name: str, properties: dict[str, Any]) -> str:
        taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        settings = {key: properties[key] for key in taken if key in properties}
        if "StreamSpecification" in properties:  # to CloudFormation its presence says "enabled"
            stream = properties["StreamSpecification"]
            settings["StreamSpecification"] = {"StreamEnabled": True, **stream}
        self.dynamodb.create_table(TableName=name, **settings)
        return name

    def _make_bucket(self, logical_id: str) -> str:
        name = logical_id.lower()
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def environment(self, function: str) -> dict[str, str]:
        """The environment that the template gives a function, by logical id, as plain values."""
        properties = self.template["Resources"][function]["Properties"]
        declared = {
            **self.template["Globals"]["Function"]["Environment"]["Variables"],
            **properties["Environment"]["Variables"],
        }
        return {
            name: value
            for name, given in declared.items()
            if (value := self._plain(given)) is not None
        }

    def _plain(self, value: Any) -> str | None:
        """As without an endpoint of its own, and outside us-east-1: conditions are false."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name} if name in self.template["Parameters"]:
                return str(self.template["Parameters"][name]["Default"])
            case {"Ref": name}:
                return self.names[name]
            case {"Fn::If": [_, _, otherwise]}:
                return self._plain(otherwise)
            case {"Fn::FindInMap": [mapping, key, name]}:
                return str(self.template["Mappings"][mapping][self._plain(key)][name])
            case _:
                return str(value)

    def handler(self, folder: str) -> ModuleType:
        """A new `<folder>.handler`, initialized under the function's own environment."""
        function = "".join(word.capitalize() for word in folder.split("_")) + "Function"
        for name, value in self.environment(function).items():
            self._monkeypatch.setenv(name, value)
        return new_handler(folder)


def new_handler(folder: str) -> ModuleType:
    """`<folder>.handler`, initialized once more, as in a new execution environment.

    The modules that it imports read no environment, so they are imported once as usual.
    """
    spec = importlib.util.find_spec(f"{folder}.handler")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"functions/{folder}/handler.py does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def mocked_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoStack]:
    """The stack in moto, with invalid credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with moto.mock_aws():
        yield MotoStack(load_template(), monkeypatch)
