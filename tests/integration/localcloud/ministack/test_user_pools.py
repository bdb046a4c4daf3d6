"""Sign-in to a user pool whose trigger fails, in ministack's functions."""

from typing import Any

from tests.support.ministack_process import answer_in_account

HELPERS = """
import asyncio, os
os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566"
from ministack.services import cognito, lambda_svc
from localcloud.ministack import user_pools

user_pools.install()
ARN = "arn:aws:lambda:us-east-1:000000000000:function:claims"

def call(action, **data):
    status, _, body = asyncio.run(cognito._dispatch_idp(action, data))
    return status, json.loads(body)

def sign_in(output):
    config = {"FunctionName": "claims", "FunctionArn": ARN, "Version": "$LATEST"}
    lambda_svc._functions["claims"] = {"config": config, "versions": {}, "aliases": {}}
    lambda_svc._execute_function = lambda function, event: output
    _, pool = call("CreateUserPool", PoolName="p", LambdaConfig={
        "PreTokenGenerationConfig": {"LambdaArn": ARN, "LambdaVersion": "V2_0"}})
    pool = {"UserPoolId": pool["UserPool"]["Id"]}
    _, client = call("CreateUserPoolClient", **pool, ClientName="c",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    user = {**pool, "Username": "maria"}
    call("AdminCreateUser", **user)
    call("AdminSetUserPassword", **user, Password="Correct-horse-1", Permanent=True)
    return call("InitiateAuth", ClientId=client["UserPoolClient"]["ClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "maria", "PASSWORD": "Correct-horse-1"})
"""


def answer_of(program: str) -> Any:
    return answer_in_account(HELPERS, program)


def test_no_token_is_issued_if_the_trigger_before_it_fails():
    status, body = answer_of("""
        answer = sign_in({"error": True, "body": {"errorMessage": "the table is gone"}})
    """)
    assert (status, body["__type"]) == (400, "UserLambdaValidationException")
    assert "the table is gone" in body["message"]


def test_tokens_are_issued_if_the_trigger_answers():
    status, body = answer_of('answer = sign_in({"body": {"response": {}}})')
    assert status == 200
    assert {"AccessToken", "IdToken"} <= body["AuthenticationResult"].keys()
