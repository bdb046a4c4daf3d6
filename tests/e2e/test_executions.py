"""Execution environments through the Lambda API of the laptop cloud; rules are in docs."""

import io
import json
import secrets
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.execution.saved_code import FOLDER, SavedCode, SavedFile
from localcloud.ministack.own_requests import SAVED_CODE
from tests.support.throttles import throttles
from tests.support.waiting import awaited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")
SOURCE = """
    import os, pathlib, time
    def handler(event, context):
        if "raise" in event:
            raise KeyError(event["raise"])
        if "exit" in event:
            os._exit(event["exit"])
        if "wait" in event:
            folder = pathlib.Path(event["wait"])
            (folder / context.aws_request_id).touch()
            while not (folder / "end").exists():
                time.sleep(0.01)
        return {"pid": os.getpid(), "by": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""

type Function = Callable[..., str]


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> Iterator[str]:
    iam, name = cloud.client("iam"), f"executed-{secrets.token_hex(4)}"
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)
    yield made["Role"]["Arn"]
    iam.delete_role(RoleName=name)


@pytest.fixture
def function(cloud: Cloud, role: str) -> Iterator[Function]:
    """Makes a function of the source of its module; returns its name."""
    client = cloud.client("lambda")
    made: list[str] = []

    def make(source: str = SOURCE, **settings: Any) -> str:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("function.py", textwrap.dedent(source))
        made.append(f"executed-{secrets.token_hex(4)}")
        client.create_function(
            FunctionName=made[-1],
            Runtime="python3.13",
            Handler="function.handler",
            Role=role,
            Code={"ZipFile": content.getvalue()},
            **{"Timeout": 60, "MemorySize": 512} | settings,
        )
        return made[-1]

    yield make
    for name in made:
        client.delete_function(FunctionName=name)


def answer(cloud: Cloud, name: str, **event: Any) -> Any:
    response = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(response["Payload"].read())


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def is_ready(cloud: Cloud, name: str, qualifier: str) -> bool:
    """Whether what is provisioned for the qualifier is initialized."""
    setting = cloud.client("lambda").get_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier
    )
    return bool(setting["Status"] == "READY")


def test_an_exception_or_exit_ends_no_other_invocation_of_the_function(
    cloud: Cloud, function: Function, tmp_path: Any
):
    name = function()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(answer, cloud, name, wait=str(tmp_path)) for _ in range(3)]
        awaited(lambda: len(list(tmp_path.iterdir())) == 3)
        assert answer(cloud, name, **{"raise": "photo"})["errorType"] == "KeyError"
        assert answer(cloud, name, exit=1)["errorType"] == "Runtime.ExitError"
        (tmp_path / "end").touch()
        pids = {each.result()["pid"] for each in waiting}
    assert len(pids) == 3
    assert answer(cloud, name)["pid"] in pids


def test_function_error_and_log_tail_are_lambdas(cloud: Cloud, function: Function):
    client, name = cloud.client("lambda"), function()
    response = client.invoke(FunctionName=name, Payload='{"raise": "photo"}', LogType="Tail")
    assert response["FunctionError"] == "Unhandled"
    assert json.loads(response["Payload"].read())["errorMessage"] == "'photo'"
    logs = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    kinds = [event["message"].split()[0] for event in logs]
    assert kinds == ["INIT_START", "START", "[ERROR]", "END", "REPORT"]
    answer(cloud, name)
    streams = cloud.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")
    assert len(streams["logStreams"]) == 1


def test_reserved_concurrency_throttles_with_429_and_a_metric(
    cloud: Cloud, function: Function, tmp_path: Any
):
    client, name = cloud.client("lambda"), function()
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(answer, cloud, name, wait=str(tmp_path))
        awaited(lambda: list(tmp_path.iterdir()))
        with pytest.raises(ClientError) as refused:
            answer(cloud, name)
        (tmp_path / "end").touch()
        waiting.result()
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    metadata = refused.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 429
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert throttles(cloud, name) == 1 + metadata["RetryAttempts"]
    assert "pid" in answer(cloud, name)


def test_asynchronous_event_that_is_throttled_waits_and_is_not_lost(
    cloud: Cloud, function: Function, tmp_path: Any
):
    client, name = cloud.client("lambda"), function()
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    event = json.dumps({"wait": str(tmp_path)})
    (tmp_path / "end").touch()
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    client.invoke(FunctionName=name, InvocationType="Event", Payload=event)
    awaited(lambda: throttles(cloud, name))
    client.delete_function_concurrency(FunctionName=name)
    awaited(lambda: len(list(tmp_path.iterdir())) == 2)


def test_asynchronous_invocations_reach_their_destinations_as_the_functions_role(
    cloud: Cloud, function: Function, role: str
):
    client, iam, sqs = cloud.client("lambda"), cloud.client("iam"), cloud.client("sqs")
    names = {kind: f"{kind}-{secrets.token_hex(4)}" for kind in ("success", "failure", "dead")}
    urls = {kind: sqs.create_queue(QueueName=name)["QueueUrl"] for kind, name in names.items()}
    account = role.split(":")[4]
    arns = {
        kind: f"arn:aws:sqs:{cloud.environment['AWS_REGION']}:{account}:{name}"
        for kind, name in names.items()
    }
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": list(arns.values())}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    role_and_policy = {"RoleName": role.rsplit("/", 1)[1], "PolicyName": "destinations"}
    iam.put_role_policy(**role_and_policy, PolicyDocument=json.dumps(policy))
    name = function(DeadLetterConfig={"TargetArn": arns["dead"]})
    client.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=1,
        DestinationConfig={
            "OnSuccess": {"Destination": arns["success"]},
            "OnFailure": {"Destination": arns["failure"]},
        },
    )

    def received(kind: str) -> Any:
        [message] = awaited(
            lambda: sqs.receive_message(QueueUrl=urls[kind], MessageAttributeNames=["All"]).get(
                "Messages"
            )
        )
        return message

    try:
        for event in ({}, {"raise": "no disk"}):
            client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        success = json.loads(received("success")["Body"])
        assert success["requestContext"]["condition"] == "Success"
        assert success["responsePayload"]["by"] == "on-demand"
        failure = json.loads(received("failure")["Body"])
        assert failure["requestContext"]["condition"] == "RetriesExhausted"
        assert failure["requestContext"]["approximateInvokeCount"] == 2
        assert failure["requestPayload"] == {"raise": "no disk"}
        request_id = failure["requestContext"]["requestId"]
        assert failure["responsePayload"]["requestId"] == request_id
        dead = received("dead")
        assert json.loads(dead["Body"]) == {"raise": "no disk"}
        attributes = {key: each["StringValue"] for key, each in dead["MessageAttributes"].items()}
        assert attributes == {
            "RequestID": request_id,
            "ErrorCode": "200",
            "ErrorMessage": "'no disk'",
        }
    finally:
        iam.delete_role_policy(**role_and_policy)
        for url in urls.values():
            sqs.delete_queue(QueueUrl=url)


def test_provisioned_concurrency_is_initialized_when_ready_and_follows_its_alias(
    cloud: Cloud, function: Function
):
    client, name = cloud.client("lambda"), function()
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    begun = client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1
    )
    assert begun["Status"] == "IN_PROGRESS"

    awaited(lambda: is_ready(cloud, name, "live"))
    first = answer(cloud, f"{name}:live")
    assert first["by"] == "provisioned-concurrency"
    assert answer(cloud, name)["by"] == "on-demand"
    client.update_function_configuration(FunctionName=name, MemorySize=256)
    client.publish_version(FunctionName=name)
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    awaited(lambda: is_ready(cloud, name, "live"))
    second = answer(cloud, f"{name}:live")
    assert second["by"] == "provisioned-concurrency"
    assert second["pid"] != first["pid"]


def test_environments_end_with_their_alias_or_version(cloud: Cloud, function: Function):
    client, name = cloud.client("lambda"), function()
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1
    )
    awaited(lambda: is_ready(cloud, name, "live"))
    of_alias = answer(cloud, f"{name}:live")
    assert of_alias["by"] == "provisioned-concurrency"
    client.delete_alias(FunctionName=name, Name="live")
    awaited(lambda: not is_running(of_alias["pid"]))
    of_version, of_latest = answer(cloud, f"{name}:1"), answer(cloud, name)
    assert of_version["by"] == "on-demand"
    client.delete_function(FunctionName=name, Qualifier="1")
    awaited(lambda: not is_running(of_version["pid"]))
    assert answer(cloud, name) == of_latest


def test_environments_end_with_their_stack(cloud: Cloud, role: str):
    code = {"ZipFile": textwrap.dedent(SOURCE)}
    properties = {"Runtime": "python3.13", "Handler": "index.handler", "Role": role, "Code": code}
    of_function = {"FunctionName": {"Ref": "Function"}}
    of_version = {"FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}, "Name": "live"}
    provisioned = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}}
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "Version": {"Type": "AWS::Lambda::Version", "Properties": of_function},
        "Alias": {
            "Type": "AWS::Lambda::Alias",
            "Properties": of_function | of_version | provisioned,
        },
    }
    cloudformation, stack = cloud.client("cloudformation"), f"executed-{secrets.token_hex(4)}"
    template = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=stack, TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1}
    )
    described = cloudformation.describe_stack_resource(
        StackName=stack, LogicalResourceId="Function"
    )
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    awaited(lambda: is_ready(cloud, name, "live"))
    pids = [answer(cloud, each)["pid"] for each in (name, f"{name}:live")]
    cloudformation.delete_stack(StackName=stack)
    awaited(lambda: not any(map(is_running, pids)))


def test_saved_files_run_in_place_of_deployed_ones_under_an_alias_too(
    cloud: Cloud, function: Function
):
    client, name = cloud.client("lambda"), function()
    published = client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=published["Version"])
    deployed = answer(cloud, f"{name}:live")
    saved = SavedCode(cloud.folder / "tmp" / FOLDER)
    source = b'def handler(event, context):\n    return "saved"\n'
    saved.write({published["CodeSha256"]: {"function.py": SavedFile(source)}})
    assert httpx.post(cloud.endpoint + SAVED_CODE, timeout=30).json() == [name]
    assert answer(cloud, f"{name}:live") == answer(cloud, name) == "saved"
    saved.write({})
    httpx.post(cloud.endpoint + SAVED_CODE, timeout=30)
    assert answer(cloud, f"{name}:live").keys() == deployed.keys()


def test_updated_function_runs_at_the_next_invocation(cloud: Cloud, function: Function):
    client, name = cloud.client("lambda"), function()
    before = answer(cloud, name)["pid"]
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"A": "1"}})
    assert answer(cloud, name)["pid"] != before
