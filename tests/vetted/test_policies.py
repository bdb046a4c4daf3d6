"""Statements that AWS would refuse, or that would never apply, are found."""

from typing import Any

import pytest

from tools.vetting.documents import Document
from tools.vetting.policies import problems

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/photos"
BUCKET = "arn:aws:s3:::media"


def found(**statement: Any) -> list[str]:
    document = Document("Role", [{"Effect": "Allow", **statement}], ["Role"])
    return [each.partition(": ")[2] for each in problems([document])]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": "dynamodb:GetItems", "Resource": TABLE}, "no action dynamodb:GetItems"),
        ({"Action": "dynamo:GetItem", "Resource": TABLE}, "no action dynamo:GetItem"),
        ({"Action": "s3:GetObject", "Resource": BUCKET}, "GetObject acts on none of"),
        ({"Action": "s3:ListBucket", "Resource": f"{BUCKET}/*"}, "ListBucket acts on none of"),
        ({"Action": "dynamodb:GetItem", "Resource": f"{TABLE}/index/owner"}, "GetItem acts on"),
        ({"Action": "dynamodb:GetItem", "Resource": [TABLE, BUCKET]}, f"acts on {BUCKET}"),
        ({"Action": "xray:PutTraceSegments", "Resource": TABLE}, 'it needs Resource "*"'),
        ({"Action": "dynamodb:GetItem", "Resource": "*"}, "can be granted on ARNs"),
    ],
)
def test_an_action_that_does_not_fit_its_resource_is_found(statement: dict[str, Any], problem: str):
    assert any(problem in each for each in found(**statement)), found(**statement)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ({"StringEquals": {"s3:prefix": "photos/"}}, "GetObject does not know"),
        ({"StringEquals": {"s3:ExistingObjectTags": "x"}}, "no condition key"),
        ({"StringEquals": {"aws:SecureTransports": "true"}}, "no condition key"),
        ({"StringEquals": {"aws:SecureTransport": "true"}}, "does not compare"),
    ],
)
def test_a_condition_that_never_applies_is_found(condition: dict[str, Any], problem: str):
    problems = found(Action="s3:GetObject", Resource=f"{BUCKET}/*", Condition=condition)
    assert any(problem in each for each in problems), problems


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "s3:GetObject", "Resource": f"{BUCKET}/*"},
        {"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": [BUCKET, f"{BUCKET}/photos/*"]},
        {"Action": "dynamodb:Query", "Resource": f"{TABLE}/index/owner"},
        {"Action": "xray:PutTraceSegments", "Resource": "*"},
        {
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:api:live",
        },
    ],
)
def test_a_statement_that_applies_is_not_reported(statement: dict[str, Any]):
    assert not found(**statement)
