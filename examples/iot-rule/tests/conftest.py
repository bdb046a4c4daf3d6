"""What the handler finds in Lambda, set before it is imported."""

import os
from types import SimpleNamespace
from typing import cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "THAWS_TABLE": "thaws",
    "POWERTOOLS_SERVICE_NAME": "thaws",
}


@pytest.fixture
def context() -> LambdaContext:
    context = SimpleNamespace(
        function_name="thaws",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:thaws",
        aws_request_id="00000000-0000-4000-8000-000000000000",
    )
    return cast("LambdaContext", context)
