"""What the handlers find in Lambda, set before they are imported."""

import os
from types import SimpleNamespace
from typing import cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "CONNECTIONS_TABLE": "connections",
    "CONNECTIONS_URL": "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/live",
    "PAGE_ORIGIN": "https://poll.example.com",
    "POWERTOOLS_SERVICE_NAME": "poll",
    "VOTES_TABLE": "votes",
}


@pytest.fixture
def context() -> LambdaContext:
    context = SimpleNamespace(
        function_name="poll",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:poll",
        aws_request_id="00000000-0000-4000-8000-000000000000",
    )
    return cast("LambdaContext", context)
