"""What the module `try_it` of an extracted application says when its stack does not exist."""

import boto3
import pytest
from botocore.stub import Stubber

from tools.extract.try_it.stack import outputs


def test_missing_stack_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    client = boto3.client(
        "cloudformation",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    monkeypatch.setattr(boto3, "client", {"cloudformation": client}.get)
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "describe_stacks", "ValidationError", "Stack with id nope does not exist"
        )
        with pytest.raises(SystemExit, match=r"^Stack nope cannot be read: .* does not exist$"):
            outputs("nope")
