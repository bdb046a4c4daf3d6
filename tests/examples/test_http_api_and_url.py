"""One function behind an HTTP API and a function URL: who may call which, and what errors show."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postage() -> Iterator[RunningApplication]:
    with running("http-api-and-url") as application:
        yield application


def api_url(postage: RunningApplication) -> str:
    [address] = postage.stack.addresses().values()
    return f"{address}/postage/FR?grams=120"


def function_url(postage: RunningApplication) -> str:
    [address] = postage.stack.function_urls().values()
    return f"{address}/postage/FR?grams=120"


def get(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=30)


def caller(postage: RunningApplication, name: str) -> boto3.session.Session:
    """A session of a new user, who has no permission."""
    iam = postage.cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"])


def signed(session: boto3.session.Session, url: str) -> dict[str, str]:
    """The headers of a request that is signed for Lambda."""
    request = AWSRequest("GET", url)
    SigV4Auth(session.get_credentials(), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers)


def test_everyone_may_call_the_http_api(postage: RunningApplication):
    answer = get(api_url(postage))
    assert (answer.status_code, answer.json()) == (200, {"euros": "4.20"})
    assert get(api_url(postage).replace("120", "heavy")).status_code == 400


def test_only_callers_with_the_policy_may_call_the_function_url(postage: RunningApplication):
    url, session = function_url(postage), caller(postage, "shop")
    assert get(url).status_code == 403
    assert get(url, signed(session, url)).status_code == 403
    postage.cloud.client("iam").attach_user_policy(
        UserName="shop", PolicyArn=postage.outputs["CallerPolicy"]
    )
    answer = get(url, signed(session, url))
    assert (answer.status_code, answer.json()) == (200, {"euros": "4.20"})


def test_only_the_routes_of_the_http_api_reach_the_function(postage: RunningApplication):
    [address] = postage.stack.addresses().values()
    assert get(f"{address}/admin").json() == {"message": "Not Found"}


def test_failing_function_shows_no_detail_and_the_next_request_works_after_a_fix(
    postage: RunningApplication,
):
    function = postage.stack.function_name("PostageFunction")
    client = postage.cloud.client("lambda")

    def use(handler: str) -> None:
        client.update_function_configuration(FunctionName=function, Handler=handler)
        client.get_waiter("function_updated_v2").wait(FunctionName=function)

    use("postage.missing")
    broken = get(api_url(postage))
    assert (broken.status_code, broken.json()) == (500, {"message": "Internal Server Error"})
    url = function_url(postage)
    broken = get(url, signed(boto3.session.Session("test", "test"), url))
    assert broken.status_code == 502
    assert "missing" not in broken.text
    use("postage.handler")
    assert get(api_url(postage)).status_code == 200


def test_requests_are_in_the_log_with_their_route_and_status(postage: RunningApplication):
    get(api_url(postage))
    group = postage.stack.of_type("AWS::Logs::LogGroup")["LogGroup"]

    def logged() -> list[Any]:
        events = postage.cloud.client("logs").filter_log_events(logGroupName=group)["events"]
        lines = [json.loads(each["message"]) for each in events]
        return [line for line in lines if line.get("message") == "answered"]

    line = awaited(logged)[0]
    assert (line["route"], line["status"]) == ("GET /postage/{country}", 200)
    assert line["service"] == "postage"


def test_everyone_may_call_the_url_if_the_parameter_says_so(postage: RunningApplication):
    def use(auth: str) -> None:
        client = postage.cloud.client("cloudformation")
        client.update_stack(
            StackName=postage.application.stack,
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "UrlAuth", "ParameterValue": auth}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        client.get_waiter("stack_update_complete").wait(
            StackName=postage.application.stack, WaiterConfig={"Delay": 1}
        )

    use("NONE")
    try:
        assert get(function_url(postage)).json() == {"euros": "4.20"}
    finally:
        use("AWS_IAM")
    assert get(function_url(postage)).status_code == 403


def test_sample_event_of_the_readme_is_answered(postage: RunningApplication):
    [answer] = documented_answers(postage, "http-api-and-url")
    assert json.loads(answer.payload)["statusCode"] == 200
