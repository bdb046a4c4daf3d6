"""What the template claims, on the template as CloudFormation sees it."""

import json
from typing import Any

import pytest

from ops.translate import translate
from tests.stack import ROOT, load_template

STAGES = ("local", "dev", "prod")
# Their actions know no resource: the service authorization reference lists none for them.
NAMELESS = {"dynamodb:ListStreams", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}

# The page comes from this repository, and answers to repeat live for minutes.
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
    """Every statement that grants something to a role, with the resource it stands in."""
    return [
        (name, whatever_the_condition(statement))
        for name, body in of_type(resources, "AWS::IAM::Role", "AWS::IAM::Policy").items()
        if name != ACCOUNTS_ROLE
        for policy in body["Properties"].get("Policies", [body["Properties"]])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def whatever_the_condition(statement: dict[str, Any]) -> dict[str, Any]:
    return dict(statement["Fn::If"][1]) if "Fn::If" in statement else statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_is_written_out(resources: Resources):
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        if name == ACCOUNTS_ROLE:
            continue
        assert "ManagedPolicyArns" not in role["Properties"], name
        [policy] = role["Properties"]["Policies"]
        assert policy["PolicyName"] == name.removesuffix("Role")
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        own = name.removesuffix("Function") + "Role"
        assert function["Properties"]["Role"] == {"Fn::GetAtt": [own, "Arn"]}, name


def test_no_action_is_a_wildcard_and_no_resource_where_one_can_be_named(resources: Resources):
    for name, statement in statements(resources):
        actions = as_list(statement["Action"])
        assert not [action for action in actions if "*" in action], name
        if "*" in as_list(statement["Resource"]):
            assert set(actions) <= NAMELESS, name


def test_buckets_are_private_encrypted_tidied_and_tls_only(resources: Resources):
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
        assert policy["Condition"] == ("ReadByCdnOrTlsOnly" if others else "TlsOnly"), name
        for other in others:
            assert other["Principal"] == {"Service": "cloudfront.amazonaws.com"}, name
            assert "${Distribution}" in json.dumps(other["Condition"]), name
        assert denial["Effect"] == "Deny", name
        assert denial["Action"] == "s3:*", name
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name


def test_what_holds_data_outlives_a_mistaken_delete(resources: Resources):
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
        if name == AT_THE_EDGE:  # which writes where Lambda tells it to, and cannot be traced
            continue
        properties = function["Properties"]
        group = name.removesuffix("Function") + "LogGroup"
        by_stage = {"Fn::FindInMap": ["Stage", {"Ref": "Stage"}, "LogFormat"]}
        assert properties["LoggingConfig"]["LogFormat"] == by_stage, name
        assert properties["LoggingConfig"]["LogGroup"] == {"Ref": group}, name
        assert resources[group]["Properties"]["RetentionInDays"], name
        assert properties["TracingConfig"] == {"Mode": "Active"}, name


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
            assert layer["Metadata"]["ContextPath"] == {"Fn::Sub": "layers/${Architecture}"}, name
    for architecture in load_template()["Parameters"]["Architecture"]["AllowedValues"]:
        assert (ROOT / "layers" / architecture / "Makefile").is_file()


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


def test_outputs_are_of_things_that_exist():
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


def test_only_the_laptop_may_do_without_tls():
    template = load_template()
    tls = {stage: holds(template, {"Condition": "TlsOnly"}, {"Stage": stage}) for stage in STAGES}
    assert tls == {"local": False, "dev": True, "prod": True}


def test_an_account_sees_no_endpoint():
    template = load_template()
    assert not holds(template, {"Condition": "OwnEndpoint"}, {"Stage": "prod"})
    variable = template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
    assert variable["Fn::If"][2] == {"Ref": "AWS::NoValue"}


def test_stream_mappings_lose_nothing_and_hold_nothing_up_for_ever(resources: Resources):
    for name, body in of_type(resources, "AWS::Lambda::EventSourceMapping").items():
        settings = body["Properties"]
        assert settings["StartingPosition"] == "TRIM_HORIZON", name
        assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert settings["BisectBatchOnFunctionError"] is True, name
        assert 0 < settings["MaximumRetryAttempts"] <= 100, name
        assert 0 < settings["MaximumRecordAgeInSeconds"] < 24 * 60 * 60, name
        destination = settings["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == {"Fn::GetAtt": ["FailedBatchesBucket", "Arn"]}, name
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
    mappings = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    functions = {mapping["Properties"]["FunctionName"]["Ref"] for mapping in mappings}
    of_alarms = {name.title().replace("_", "") + "FunctionAliaslive" for name in watched}
    assert of_alarms == functions
    for name in watched:
        handler = (ROOT / "functions" / name / "handler.py").read_text()
        assert 'add_metric("RecordsQuarantined"' in handler, name
