"""Topic rules of AWS IoT that invoke a function, in ministack's functions."""

from typing import Any

from tests.support.ministack_process import answer_in_account

HELPERS = """
import asyncio
from ministack.services import iot, lambda_svc
from localcloud.ministack import topic_rules

topic_rules.install()
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
invoked = []
lambda_svc.invoke_async_with_retry = lambda record, event: invoked.append(event)

def function(rule):
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN,
        "Principal": {"Service": "iot.amazonaws.com"},
        "Condition": {"ArnLike": {"AWS:SourceArn": iot._topic_rule_arn(rule)}}}
    config = {"FunctionName": "f", "FunctionArn": ARN, "Version": "$LATEST"}
    lambda_svc._functions["f"] = {"config": config, "versions": {}, "aliases": {},
        "policy": {"Version": "2012-10-17", "Statement": [statement]}}

def dispatch(rule):
    action = {"lambda": {"functionArn": ARN}}
    work = iot._dispatch_rule_action("000000000000", "us-east-1", rule, action, {"celsius": -9})
    try:
        asyncio.run(work)
    except PermissionError as error:
        return str(error)
"""


def answer_of(program: str) -> Any:
    return answer_in_account(HELPERS, program)


def test_rule_that_the_functions_policy_allows_invokes_it_asynchronously():
    assert answer_of("""
        function("too_warm")
        answer = dispatch("too_warm"), invoked
    """) == [None, [{"celsius": -9}]]


def test_rule_that_the_functions_policy_does_not_allow_fails():
    refusal, invoked = answer_of("""
        function("too_warm")
        answer = dispatch("too_cold"), invoked
    """)
    assert refusal.endswith("its policy does not allow too_cold")
    assert invoked == []


def test_rule_fails_if_its_function_does_not_exist():
    refusal, invoked = answer_of('answer = dispatch("too_warm"), invoked')
    assert ":function:f does not exist" in refusal
    assert invoked == []
