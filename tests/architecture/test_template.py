"""Properties of all resources, in the template as CloudFormation sees it."""

import json
import re
from typing import Any

import pytest

from tests.support.repository import ROOT, load_template
from tools.translate import translate

STAGES = ("local", "dev", "prod")
# Actions that take no resource, as the service authorization reference lists them.
NAMELESS = {
    "codedeploy:PutLifecycleEventHookExecutionStatus",
    "dynamodb:ListStreams",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# The page comes from this repository, and stored answers are kept for minutes.
REMADE = {"SiteBucket", "IdempotencyTable"}
AT_THE_EDGE = "EdgeHeadersFunction"
ACCOUNTS_ROLE = "AccessLogsRole"  # of all the account's APIs, so it is as AWS wants it

type Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def resources() -> Resources:
    return dict(translate(load_template(), {})["Resources"])


def of_type(resources: Resources, *types: str) -> Resources:
    found = {name: body for name, body in resources.items() if body["Type"] in types}
    assert found, f"no {types} in the template"
    return found


def statements(resources: Resources) -> list[tuple[str, dict[str, Any]]]:
    """Every statement that grants something to a role, with the resource that contains it."""
    return [
        (name, whatever_the_condition(statement))
        for name, body in of_type(resources, "AWS::IAM::Role", "AWS::IAM::Policy").items()
        if name != ACCOUNTS_ROLE
        for policy in inline_policies(body["Properties"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def inline_policies(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a role its own, of a policy itself."""
    if "PolicyDocument" in properties:
        return [properties]
    return list(properties.get("Policies", []))


def whatever_the_condition(statement: dict[str, Any]) -> dict[str, Any]:
    return dict(statement["Fn::If"][1]) if "Fn::If" in statement else statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_function_has_an_explicit_role(resources: Resources):
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        own = name.removesuffix("Function") + "Role"
        assert function["Properties"]["Role"] == {"Fn::GetAtt": [own, "Arn"]}, (
            f"{name}: every function has a role of its own, because the role that SAM generates"
            f" grants more than the function uses. Write {own} with exactly its actions, in"
            f" permissions/, and set 'Role: !GetAtt {own}.Arn'."
        )
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        if name == ACCOUNTS_ROLE:
            continue
        assert "ManagedPolicyArns" not in role["Properties"], (
            f"{name}: AWS's managed policies grant more than is used. Write the actions out as an"
            f" inline policy."
        )
        policies = [policy["PolicyName"] for policy in inline_policies(role["Properties"])]
        assert policies == [name.removesuffix("Role")], (
            f"{name} has the inline policies {policies}. Each role has one, named like the role"
            f" without 'Role'. If template.yaml has no {name}, SAM generates it for an event: write"
            f" a role in permissions/, and give the event its ARN as RoleArn."
        )


def test_no_action_is_a_wildcard_and_no_resource_that_could_be_named(resources: Resources):
    for name, statement in statements(resources):
        actions = as_list(statement["Action"])
        wildcards = [action for action in actions if "*" in action]
        assert not wildcards, (
            f"{name} grants {wildcards}. Name each action that the code calls instead."
        )
        if "*" in as_list(statement["Resource"]):
            assert set(actions) <= NAMELESS, (
                f"{name} grants {sorted(set(actions) - NAMELESS)} on every resource. Name the"
                f" resource, or, if IAM knows none for the action, add it to NAMELESS."
            )
        else:
            assert not set(actions) & NAMELESS, f"{name}: IAM ignores a grant on a resource"


def test_buckets_are_private_encrypted_with_lifecycle_rules_and_tls_only(resources: Resources):
    policies = of_type(resources, "AWS::S3::BucketPolicy").values()
    for name, bucket in of_type(resources, "AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        assert all(properties["PublicAccessBlockConfiguration"].values()), name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, name
        assert "BucketEncryption" in properties, name
        assert properties["LifecycleConfiguration"]["Rules"], name
        [policy] = [each for each in policies if each["Properties"]["Bucket"] == {"Ref": name}]
        granted = policy["Properties"]["PolicyDocument"]["Statement"]
        [denial, *others] = map(whatever_the_condition, granted)
        assert policy["Condition"] == ("HasWebPageOrOnAws" if others else "OnAws"), name
        for other in others:
            assert other["Principal"] == {"Service": "cloudfront.amazonaws.com"}, name
            assert "${Distribution}" in json.dumps(other["Condition"]), name
        assert denial["Effect"] == "Deny", name
        assert denial["Action"] == "s3:*", name
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name


def test_resources_with_data_are_retained_or_protected(resources: Resources):
    kinds = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Cognito::UserPool")
    kept = {name: body for name, body in of_type(resources, *kinds).items() if name not in REMADE}
    for name, body in kept.items():
        assert body["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert body["UpdateReplacePolicy"] == "Retain", name
    for name, table in of_type(resources, "AWS::DynamoDB::Table").items():
        if name in REMADE:
            continue
        recovery = table["Properties"]["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}, name


def test_every_function_logs_json_into_its_own_group_and_is_traced(resources: Resources):
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        if name == AT_THE_EDGE:  # Lambda chooses its log group, and it cannot be traced
            continue
        properties = function["Properties"]
        group = name.removesuffix("Function") + "LogGroup"
        by_stage = {"Fn::FindInMap": ["Stage", {"Ref": "Stage"}, "LogFormat"]}
        assert properties["LoggingConfig"].get("LogGroup") == {"Ref": group}, (
            f"{name}: every function logs into a group of its own, whose retention the template"
            f" sets. Add {group} and set 'LoggingConfig: {{LogGroup: !Ref {group}}}'."
        )
        assert properties["LoggingConfig"]["LogFormat"] == by_stage, (
            f"{name}: leave LogFormat to Globals; queries and make trace need JSON."
        )
        assert resources[group]["Properties"].get("RetentionInDays"), (
            f"{group}: set RetentionInDays; without it logs are kept for ever."
        )
        if name == "GalleryApiFunction":  # its other trigger, the function URL, is not traced
            mode = {"Fn::If": ["UsesViewsUrl", "PassThrough", "Active"]}
        else:
            mode = "Active"
        assert properties["TracingConfig"] == {"Mode": mode}, (
            f"{name}: leave Tracing to Globals, where it is active."
        )


def test_every_stage_logs_json_since_levels_and_queries_need_it():
    stages = load_template()["Mappings"]["Stage"]
    assert {values["LogFormat"] for values in stages.values()} == {"JSON"}
    for values in stages.values():
        assert values["LogLevel"] in {"DEBUG", "INFO"}, "make trace reads lines of level INFO"
        assert values["SystemLogLevel"] in {"DEBUG", "INFO"}, "saved queries read platform.report"


def test_functions_and_layers_are_of_the_one_architecture(resources: Resources):
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        own = ["x86_64"] if name == AT_THE_EDGE else [{"Ref": "Architecture"}]
        assert function["Properties"]["Architectures"] == own, name
    for name, layer in load_template()["Resources"].items():
        if layer["Type"] == "AWS::Serverless::LayerVersion":
            assert layer["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}, name
            assert layer["Metadata"]["ContextPath"] == {
                "Fn::Sub": "layers/build/${Architecture}"
            }, name
    for architecture in load_template()["Parameters"]["Architecture"]["AllowedValues"]:
        assert (ROOT / "layers" / "build" / architecture / "Makefile").is_file()


def test_asynchronous_failures_keep_the_whole_event_and_raise_an_alarm(resources: Resources):
    config = of_type(resources, "AWS::Lambda::EventInvokeConfig")
    for name, body in config.items():
        destination = body["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == {"Fn::GetAtt": ["FailedEventsQueue", "Arn"]}, name
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    assert "FailedEventsQueue" in json.dumps([alarm["Properties"] for alarm in alarms])


def test_the_mapping_knows_every_stage():
    template = load_template()
    assert tuple(template["Parameters"]["Stage"]["AllowedValues"]) == STAGES
    assert set(template["Mappings"]["Stage"]) == set(STAGES)
    keys = [set(values) for values in template["Mappings"]["Stage"].values()]
    assert all(own == keys[0] for own in keys)


def test_the_api_is_reached_by_its_alias_only(resources: Resources):
    body = json.dumps(resources["GalleryApi"]["Properties"]["Body"])
    assert "${GalleryApiFunction.Arn}" not in body
    assert body.count("GalleryApiFunctionAliaslive") == len(
        load_template()["Resources"]["GalleryApiFunction"]["Properties"]["Events"]
    )


def test_the_api_has_one_stage(resources: Resources):
    """SAM adds a stage named Stage, without throttles and logs, unless OpenApiVersion is set."""
    [stage] = of_type(resources, "AWS::ApiGateway::Stage").values()
    assert stage["Properties"]["StageName"] == "api"
    [deployment] = of_type(resources, "AWS::ApiGateway::Deployment").values()
    assert "StageName" not in deployment["Properties"]


def test_api_gateway_may_invoke_each_route_by_its_method_and_path(resources: Resources):
    """For all stages of the API: SAM writes a wildcard there. The API has one stage."""
    routes = load_template()["Resources"]["GalleryApiFunction"]["Properties"]["Events"].values()
    allowed = {
        permission["Properties"]["SourceArn"]["Fn::Sub"][0].partition("${__Stage__}")[2]
        for permission in of_type(resources, "AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }
    assert allowed == {
        f"/{each['Properties']['Method']}{re.sub(r'{\w+}', '*', each['Properties']['Path'])}"
        for each in routes
    }


def test_the_apis_model_keeps_numbers_as_numbers(resources: Resources):
    body = resources["GalleryApi"]["Properties"]["Body"]
    model = body["definitions"]["newphoto"]
    assert model["properties"]["bytes"] == {"type": "integer", "minimum": 1, "maximum": 25000000}
    title = model["properties"]["title"]
    assert (title["minLength"], title["maxLength"]) == (1, 200)
    assert model["additionalProperties"] is False
    create = body["paths"]["/photos"]["post"]
    validator = create["x-amazon-apigateway-request-validator"]
    assert body["x-amazon-apigateway-request-validators"][validator]["validateRequestBody"] is True
    assert create["parameters"][0]["schema"] == {"$ref": "#/definitions/newphoto"}


def test_layers_are_the_stacks_own(resources: Resources):
    names = [
        layer["Properties"]["LayerName"]["Fn::Sub"]
        for layer in of_type(resources, "AWS::Lambda::LayerVersion").values()
    ]
    assert len(set(names)) == len(names)
    assert all(name.startswith("${AWS::StackName}-") for name in names)


def test_tables_with_indexes_are_created_one_after_the_other(resources: Resources):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"""
    tables = of_type(resources, "AWS::DynamoDB::Table")
    indexed = {
        name: as_list(table.get("DependsOn", []))
        for name, table in tables.items()
        if "GlobalSecondaryIndexes" in table["Properties"]
    }
    first = [name for name, before in indexed.items() if not set(before) & indexed.keys()]
    followed = [name for before in indexed.values() for name in before if name in indexed]
    assert len(first) == 1
    assert len(set(followed)) == len(followed) == len(indexed) - 1


def test_the_state_machine_logs_failures_without_their_data(resources: Resources):
    [machine] = of_type(resources, "AWS::StepFunctions::StateMachine").values()
    logging = machine["Properties"]["LoggingConfiguration"]
    group = {"Fn::GetAtt": ["DailyReportStepsLogGroup", "Arn"]}
    assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": group}}]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    name = resources["DailyReportStepsLogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"]
    assert name.startswith("/aws/vendedlogs/states/${AWS::StackName}-")


def test_outputs_refer_to_existing_resources():
    template = load_template()
    assert {"ApiUrl", "ApiId", "UploadsBucketName", "MediaBucketName"} <= template["Outputs"].keys()
    for name, output in template["Outputs"].items():
        if isinstance(output["Value"], dict) and "Ref" in output["Value"]:
            known = template["Resources"] | template["Parameters"]
            assert output["Value"]["Ref"].partition(".")[0] in known, name


def holds(template: dict[str, Any], condition: Any, parameters: dict[str, str]) -> Any:
    """A condition's value, as CloudFormation evaluates it."""
    match condition:
        case {"Condition": name}:
            return holds(template, template["Conditions"][name], parameters)
        case {"Fn::Not": [inner]}:
            return not holds(template, inner, parameters)
        case {"Fn::And": parts}:
            return all(holds(template, part, parameters) for part in parts)
        case {"Fn::Or": parts}:
            return any(holds(template, part, parameters) for part in parts)
        case {"Fn::Equals": [one, other]}:
            return holds(template, one, parameters) == holds(template, other, parameters)
        case {"Fn::FindInMap": [mapping, key, name]}:
            return str(template["Mappings"][mapping][holds(template, key, parameters)][name])
        case {"Ref": name}:
            return str(parameters.get(name, template["Parameters"][name]["Default"]))
        case _:
            return str(condition)


def test_only_the_laptop_accepts_requests_without_tls():
    template = load_template()
    tls = {stage: holds(template, {"Condition": "OnAws"}, {"Stage": stage}) for stage in STAGES}
    assert tls == {"local": False, "dev": True, "prod": True}


def test_an_account_has_no_endpoint_variable():
    template = load_template()
    assert not holds(template, {"Condition": "HasEndpointUrl"}, {"Stage": "prod"})
    variable = template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
    assert variable["Fn::If"][2] == {"Ref": "AWS::NoValue"}


def stream_mappings(resources: Resources) -> Resources:
    """The mappings that read a stream; those of queues have other settings."""
    return {
        name: body
        for name, body in of_type(resources, "AWS::Lambda::EventSourceMapping").items()
        if source_type(resources, body) != "AWS::SQS::Queue"
    }


def source_type(resources: Resources, mapping: dict[str, Any]) -> str:
    """The resource type of the mapping's event source."""
    return str(resources[mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]]["Type"])


def test_stream_mappings_bound_retries_and_have_a_destination(resources: Resources):
    failed_batches = {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailedBatchesBucket", "Arn"]}}}
    fixed = {
        "StartingPosition": ("TRIM_HORIZON", "LATEST misses records while a mapping is made"),
        "FunctionResponseTypes": (["ReportBatchItemFailures"], "a failure repeats the whole batch"),
        "BisectBatchOnFunctionError": (True, "an exception discards the whole batch"),
        "DestinationConfig": (failed_batches, "what is given up is lost"),
    }
    limits = {"MaximumRetryAttempts": 100, "MaximumRecordAgeInSeconds": 24 * 60 * 60 - 1}
    for name, body in stream_mappings(resources).items():
        settings = body["Properties"]
        for setting, (value, otherwise) in fixed.items():
            assert settings.get(setting) == value, (
                f"{name}: set {setting} to {value}; otherwise {otherwise}."
            )
        for setting, highest in limits.items():
            assert 0 < settings.get(setting, -1) <= highest, (
                f"{name}: set {setting} to 1 to {highest}; by default Lambda retries without end,"
                f" and the shard waits."
            )
    views = resources["ViewCounterFunctionViewsRecorded"]["Properties"]
    assert views["ParallelizationFactor"] > 1


def test_every_stream_function_has_an_alarm_on_a_quarantine_metric_that_it_emits(
    resources: Resources,
):
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "RecordsQuarantined"
    }
    mappings = stream_mappings(resources).values()
    functions = {mapping["Properties"]["FunctionName"]["Ref"] for mapping in mappings}
    of_alarms = {name.title().replace("_", "") + "FunctionAliaslive" for name in watched}
    assert of_alarms == functions, (
        "Left: functions with an alarm on RecordsQuarantined, right: functions that read a stream."
        " Each that reads a stream quarantines poison records and has such an alarm: add it to"
        " operations.yaml, with the dimension service."
    )
    for name in watched:
        handler = (ROOT / "functions" / name / "handler.py").read_text()
        assert 'add_metric("RecordsQuarantined"' in handler, (
            f"functions/{name}/handler.py never emits RecordsQuarantined, which an alarm watches."
        )
