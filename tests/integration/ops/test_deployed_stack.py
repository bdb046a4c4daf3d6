import json
from collections.abc import Iterator

import boto3
import moto
import pytest

from ops.deployed_stack import DeployedStack, StackError, deployed_template, template_text

TEMPLATE = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}},
}


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with moto.mock_aws():
        client = boto3.Session(region_name="eu-west-1").client("cloudformation")
        client.create_stack(StackName="gallery", TemplateBody=json.dumps(TEMPLATE))
        yield


def test_outputs_and_resources_are_read_in_the_region_of_the_environment():
    found = DeployedStack("gallery")
    assert found.output("QueueUrl") == found.physical_id("Queue")
    assert "eu-west-1" in found.output("QueueUrl")


def test_stack_that_does_not_exist_is_named_with_its_region():
    with pytest.raises(StackError, match=r"^Stack other does not exist in eu-west-1"):
        DeployedStack("other")


def test_missing_output_or_resource_says_what_to_do():
    found = DeployedStack("gallery")
    with pytest.raises(StackError, match=r"no output ApiUrl: deploy it from the current template"):
        found.output("ApiUrl")
    with pytest.raises(StackError, match=r"no resource Table: deploy it from the current template"):
        found.physical_id("Table")


def test_template_that_cloudformation_returns_as_json_is_read_as_text_and_parsed():
    client = boto3.Session(region_name="eu-west-1").client("cloudformation")
    assert json.loads(template_text(client, "gallery", "Original")) == TEMPLATE
    assert deployed_template(client, "gallery", "Original") == TEMPLATE


def test_template_that_cloudformation_returns_as_yaml_keeps_its_intrinsic_functions():
    client = boto3.Session(region_name="eu-west-1").client("cloudformation")
    text = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\nOutputs:\n  Arn: {Value: !Ref Topic}\n"
    client.create_stack(StackName="yaml", TemplateBody=text)
    assert template_text(client, "yaml", "Original") == text
    assert deployed_template(client, "yaml", "Original")["Outputs"] == {
        "Arn": {"Value": {"Ref": "Topic"}}
    }
