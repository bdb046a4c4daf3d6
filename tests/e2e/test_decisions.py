"""The emulator records the requests that a role was allowed and denied."""

import contextlib
import json
import secrets
from typing import Any

import boto3
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from tests.e2e.conftest import RECORDED

ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def as_role(cloud: Cloud, role_arn: str) -> Any:
    """A client of S3 with the permissions of a role."""
    credentials = cloud.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=credentials["Credentials"]["AccessKeyId"],
        aws_secret_access_key=credentials["Credentials"]["SecretAccessKey"],
        aws_session_token=credentials["Credentials"]["SessionToken"],
    )


def test_each_decision_on_a_role_is_recorded_once(cloud: Cloud):
    bucket = name = f"decisions-{secrets.token_hex(4)}"
    root, iam = cloud.client("s3"), cloud.client("iam")
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="a", Body=b"")
    # A policy that does not concern the role: it is evaluated too, and allows nothing.
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    others = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
    root.put_bucket_policy(Bucket=bucket, Policy=document(denial | {"Condition": others}))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(ANYBODY))["Role"]
    reads = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=document(reads))
    s3 = as_role(cloud, role["Arn"])
    for _ in range(2):
        s3.get_object(Bucket=bucket, Key="a")
    s3.list_objects_v2(Bucket=bucket, Prefix="photos/")
    with contextlib.suppress(ClientError):
        s3.delete_object(Bucket=bucket, Key="a")
    iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"], ActionNames=["kinesis:GetRecords"], ResourceArns=["arn:aws:x"]
    )
    lines = (RECORDED / f"{cloud.port}.jsonl").read_text().splitlines()
    recorded = [tuple(json.loads(line).values()) for line in lines]
    assert [each[1:] for each in recorded if each[0] == name] == [
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/a", True),
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}?prefix=photos/", True),
        ("s3:DeleteObject", f"arn:aws:s3:::{bucket}/a", False),
        ("kinesis:GetRecords", "arn:aws:x", False),
    ]
