"""Clients of AWS services, made by botocore.

boto3 makes the same clients, but its import would prolong each cold start: docs/decisions.md.
"""

from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@overload
def make_client(
    session: "Session", service: Literal["cloudfront"], config: "Config"
) -> "CloudFrontClient": ...
@overload
def make_client(session: "Session", service: Literal["codedeploy"], config: "Config") -> Any: ...
@overload
def make_client(
    session: "Session", service: Literal["dynamodb"], config: "Config"
) -> "DynamoDBClient": ...
@overload
def make_client(
    session: "Session", service: Literal["kinesis"], config: "Config"
) -> "KinesisClient": ...
@overload
def make_client(
    session: "Session", service: Literal["lambda"], config: "Config"
) -> "LambdaClient": ...
@overload
def make_client(session: "Session", service: Literal["s3"], config: "Config") -> "S3Client": ...
@overload
def make_client(session: "Session", service: Literal["sqs"], config: "Config") -> "SQSClient": ...
def make_client(session: "Session", service: str, config: "Config") -> Any:
    """A client of the service, for the operations in layers/build/sdk.toml only."""
    return session.create_client(service, config=config)
