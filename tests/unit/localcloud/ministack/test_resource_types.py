"""Resources that are not as on AWS: which are left out, accepted without effect, or refused."""

from typing import Any

import pytest

from localcloud.ministack.resource_types import (
    imported,
    limitations,
    mistakes,
    nested_parameters,
    without_left_out,
)

KNOWN = {
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::DynamoDB::Table",
    "AWS::Pipes::Pipe",
    "AWS::SQS::Queue",
    "AWS::WAFv2::WebACL",
}
FUNCTION = {"Handler": "app.handler", "Runtime": "python3.13"}


def outcomes(
    resources: dict[str, Any], conditions: dict[str, bool] | None = None
) -> dict[str, tuple[str, str]]:
    found = limitations({"Resources": resources}, conditions or {}, KNOWN, "python3.13")
    return {each.logical_id: (each.outcome, each.reason) for each in found}


def test_resource_that_is_as_on_aws_is_not_listed():
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": FUNCTION},
        "Custom": {"Type": "Custom::Anything", "Properties": {"ServiceToken": "x"}},
    }
    assert outcomes(resources) == {}


def test_unknown_type_is_left_out_with_unknown_types_that_refer_to_it():
    resources = {
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget"},
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {"ScalingTargetId": {"Ref": "Target"}},
        },
    }
    reason = "localcloud does not know the type"
    assert outcomes(resources) == {
        "Policy": ("left out", reason),
        "Target": ("left out", reason),
    }


def test_unknown_type_that_a_known_one_needs_is_refused():
    for reference in (
        {"Ref": "Agent"},
        {"Fn::GetAtt": ["Agent", "Arn"]},
        {"Fn::GetAtt": "Agent.Arn"},
        {"Fn::Sub": "${AWS::Region}-${Agent.Arn}"},
        {"Fn::Sub": ["${x}-${Agent}", {"x": "y"}]},
        {"Fn::Sub": ["${x}", {"x": {"Ref": "Agent"}}]},
        {"Fn::Join": ["", ["a", {"Ref": "Agent"}]]},
    ):
        resources = {
            "Agent": {"Type": "AWS::Bedrock::Agent"},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": reference}},
        }
        assert outcomes(resources)["Agent"][0] == "refused", reference
        assert "Queue refers to it" in outcomes(resources)["Agent"][1]


def test_api_that_calls_an_aws_service_without_a_function_is_listed():
    def body(**integration: Any) -> dict[str, Any]:
        operation = {"x-amazon-apigateway-integration": integration}
        return {"Body": {"paths": {"/": {"parameters": [], "post": operation}}}}

    sub = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:kinesis:action/PutRecord"}
    region = {"Ref": "AWS::Region"}
    join = {"Fn::Join": ["", ["arn:aws:apigateway:", region, ":states:action/StartExecution"]]}
    of_function = {"Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/x"}
    of_queue = "arn:aws:apigateway:us-east-1:sqs:path/000000000000/orders"
    resources = {
        "Http": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": body(type="AWS_PROXY", integrationSubtype="SQS-SendMessage"),
        },
        "Rest": {"Type": "AWS::ApiGateway::RestApi", "Properties": body(type="aws", uri=sub)},
        "Method": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {"Integration": {"Type": "AWS", "Uri": join}},
        },
        "Part": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"IntegrationSubtype": "EventBridge-PutEvents"},
        },
        "Served": {
            "Type": "AWS::ApiGateway::RestApi",
            "Properties": body(type="AWS", uri=of_queue),
        },
        "Proxy": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": body(type="aws_proxy", uri=of_function),
        },
    }
    rest = "requests for it fail; a function in its place works here"
    assert {name: reason for name, (_, reason) in outcomes(resources).items()} == {
        "Http": f"no integration with SQS-SendMessage: {rest}",
        "Rest": f"no integration with kinesis: {rest}",
        "Method": f"no integration with states: {rest}",
        "Part": f"no integration with EventBridge-PutEvents: {rest}",
    }


def test_pipe_that_is_not_from_a_stream_to_a_topic_or_state_machine_is_listed():
    def pipe(source: Any, target: Any, **properties: Any) -> dict[str, Any]:
        given = {"Source": source, "Target": target, **properties}
        return {"Type": "AWS::Pipes::Pipe", "Properties": given}

    stream = {"Fn::GetAtt": ["Table", "StreamArn"]}
    topic = "arn:aws:sns:us-east-1:000000000000:orders"
    resources = {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": FUNCTION},
        "Delivers": pipe(stream, topic),
        "FromParameter": pipe({"Ref": "Source"}, {"Ref": "Target"}),
        "FromQueue": pipe({"Fn::GetAtt": ["Queue", "Arn"]}, {"Fn::GetAtt": "Function.Arn"}),
        "Changes": pipe(
            stream,
            topic,
            Enrichment={"Fn::GetAtt": ["Function", "Arn"]},
            SourceParameters={"FilterCriteria": {}},
            TargetParameters={"InputTemplate": "<$.body>"},
        ),
    }
    assert {name: reason for name, (_, reason) in outcomes(resources).items()} == {
        "FromQueue": (
            "its source sqs is not read, its target lambda gets nothing;"
            " a function in its place works here"
        ),
        "Changes": (
            "its enrichment is left out, its filter is left out, its input template is left out;"
            " a function in its place works here"
        ),
    }


def test_resource_under_a_false_condition_is_not_listed():
    resources = {"Budget": {"Type": "AWS::Budgets::Budget", "Condition": "IsProduction"}}
    assert outcomes(resources, {"IsProduction": False}) == {}
    assert outcomes(resources, {"IsProduction": True}).keys() == {"Budget"}


def test_resource_without_effect_is_listed():
    found = outcomes({"Firewall": {"Type": "AWS::WAFv2::WebACL"}})
    assert found["Firewall"][0] == "accepted without effect"


def test_mapping_with_a_tumbling_window_is_refused():
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"TumblingWindowInSeconds": 60},
    }
    assert outcomes({"Mapping": mapping})["Mapping"] == (
        "refused",
        "tumbling windows are not modelled",
    )


def test_functions_are_listed_by_runtime_and_package():
    def function(**properties: Any) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::Function", "Properties": properties}

    found = outcomes(
        {
            "Old": function(Runtime="python3.9"),
            "Bootstrap": function(Runtime="provided.al2023"),
            "Node": function(Runtime="nodejs22.x"),
            "Image": function(PackageType="Image"),
            "InVpc": function(Runtime="python3.13", VpcConfig={"SubnetIds": []}),
        }
    )
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "Old": "changed",
        "Node": "accepted without effect",
        "Image": "refused",
        "InVpc": "accepted without effect",
    }
    assert found["Old"][1] == "python3.9 is built for and runs on python3.13"


def test_stack_is_deployed_without_what_is_left_out():
    template = {
        "Resources": {
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup"},
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "DependsOn": ["Group", "Queue"],
                "UpdatePolicy": {
                    "CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "Group"}}
                },
            },
            "Other": {"Type": "AWS::Lambda::Alias", "DependsOn": "Group"},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Group": {"Value": {"Ref": "Group"}}, "Queue": {"Value": {"Ref": "Queue"}}},
    }
    assert without_left_out(template, {}, KNOWN) == {
        "Resources": {
            "Alias": {"Type": "AWS::Lambda::Alias", "DependsOn": ["Queue"]},
            "Other": {"Type": "AWS::Lambda::Alias"},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}},
    }


def test_resource_under_a_false_condition_stays_with_the_output_that_refers_to_it():
    template = {
        "Resources": {"Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Condition": "Canary"}},
        "Outputs": {"Group": {"Value": {"Fn::If": ["Canary", {"Ref": "Group"}, "none"]}}},
    }
    assert without_left_out(template, {"Canary": False}, KNOWN) == template
    assert without_left_out(template, {"Canary": True}, KNOWN) == {"Resources": {}}


def test_refused_resource_stays_in_the_template():
    template = {
        "Resources": {
            "Agent": {"Type": "AWS::Bedrock::Agent"},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Agent"}}},
        }
    }
    assert without_left_out(template, {}, KNOWN) == template


def test_event_source_that_nothing_polls_is_without_effect():
    def mapping(**properties: Any) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}

    polled = [
        mapping(EventSourceArn={"Fn::GetAtt": ["Queue", "Arn"]}),
        mapping(EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/a"),
    ]
    not_polled = [
        mapping(EventSourceArn="arn:aws:kafka:us-east-1:000000000000:cluster/a/b"),
        mapping(SelfManagedEventSource={"Endpoints": {}}),
    ]
    assert [outcomes({"Mapping": each}) for each in polled] == [{}, {}]
    reason = ("accepted without effect", "nothing polls its event source")
    assert [outcomes({"Mapping": each}) for each in not_polled] == [{"Mapping": reason}] * 2


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            {"Layers": [{"Fn::Sub": "arn:aws:lambda:${AWS::Region}:580247275435:layer:Tool:2"}]},
            "layer of account 580247275435: its files are not here",
        ),
        (
            {"FileSystemConfigs": [{"Arn": "a", "LocalMountPath": "/mnt/lambda"}]},
            "/mnt/lambda: no file system is mounted",
        ),
    ],
)
def test_property_of_a_function_without_effect_is_listed(properties: dict[str, Any], reason: str):
    resources = {"F": {"Type": "AWS::Lambda::Function", "Properties": FUNCTION | properties}}
    assert outcomes(resources) == {"F": ("accepted without effect", reason)}


def test_layers_of_the_stack_and_of_its_account_are_not_listed():
    layers = [{"Ref": "Shared"}, "arn:aws:lambda:us-east-1:000000000000:layer:mine:1"]
    function = {"Type": "AWS::Lambda::Function", "Properties": FUNCTION | {"Layers": layers}}
    assert outcomes({"F": function}) == {}


def test_reference_to_nothing_and_a_resource_without_type_are_mistakes():
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "QueueName": {"Fn::Sub": "${AWS::StackName}-${Stage}-${Missing.Arn}"},
            "Tags": [{"Key": "region", "Value": {"Ref": "AWS::Region"}}],
            "KmsMasterKeyId": {"Fn::Sub": ["${local}", {"local": {"Ref": "Stage"}}]},
        },
    }
    outputs = {"Url": {"Value": {"Fn::GetAtt": ["Other", "Arn"]}}, "Queue": {"Value": {"Ref": "Q"}}}
    parameters = {"Stage": {"Type": "String"}}
    template = {"Parameters": parameters, "Resources": {"Q": queue}, "Outputs": outputs}
    assert mistakes(template) == [
        "Q refers to Missing, which is neither a resource nor a parameter.",
        "Output Url refers to Other, which is neither a resource nor a parameter.",
    ]
    assert mistakes({"Resources": {"A": {"Properties": {}}, "B": None}}) == [
        "A has no Type.",
        "B has no Type.",
    ]
    for template in ({}, {"Resources": None}, {"Resources": ["Q"]}):
        assert mistakes(template) == ["It has no Resources section."]


def test_imports_are_those_of_resources_and_outputs_that_are_created():
    def importing(name: str, **more: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Value": [{"Fn::ImportValue": name}], **more}

    template = {
        "Resources": {
            "Always": importing("a"),
            "Never": importing("b", Condition="Prod"),
            "Either": {"Value": {"Fn::If": ["Prod", importing("c"), importing("d")]}},
        },
        "Outputs": {"Always": importing("e"), "Never": importing("f", Condition="Prod")},
    }
    assert imported(template, {"Prod": False}) == ["a", "d", "e"]
    assert imported(template, {"Prod": True}) == ["a", "b", "c", "e", "f"]


def test_parameters_of_a_nested_stack_are_known_if_they_are_literals_or_parameters():
    given = {"Size": 3, "Stage": {"Ref": "Stage"}, "Queue": {"Ref": "Queue"}}
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": given}}
    template = {"Resources": {"Child": stack, "Plain": {"Type": "AWS::CloudFormation::Stack"}}}
    assert nested_parameters(template, {}, {"Stage": "dev"}) == {
        "Child": {"Size": "3", "Stage": "dev", "Queue": None},
        "Plain": {},
    }
