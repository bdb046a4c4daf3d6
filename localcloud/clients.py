"""boto3 clients of a laptop cloud that any number of threads may share."""

from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud import Cloud


def root_client(cloud: Cloud, service: str, *, read_timeout: int) -> Any:
    """A client of the account's root user; `read_timeout` in seconds."""
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        region_name=cloud.environment["AWS_REGION"],
        endpoint_url=cloud.endpoint,
        aws_access_key_id=cloud.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        config=shared_config(read_timeout),
    )


def shared_config(read_timeout: int) -> Config:
    """Configure connections for many threads, and no retries: the caller retries and reports it."""
    return Config(
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=read_timeout,
        max_pool_connections=40,
    )
