"""What the routes share, made once when the function starts."""

import os
from typing import Final

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore.config import Config

from shared.settings import load_settings


class Settings(msgspec.Struct, frozen=True):
    """The function's configuration."""

    photos_table: str
    catalog_table: str
    views_stream: str
    views_table: str
    uploads_bucket: str
    media_bucket: str
    idempotency_table: str


settings = load_settings(Settings, os.environ)
logger = Logger()
metrics = Metrics()

# A caller hears 503 before Lambda's own time limit, though one request may wait for three calls,
# each for 7 s: two tries and a pause.
_config = Config(
    connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"}
)
STEP_MS: Final = 14_000  # the longest that a deletion needs to read a page and write once
dynamodb = boto3.client("dynamodb", config=_config)
answers = DynamoDBPersistenceLayer(settings.idempotency_table, boto3_client=dynamodb)

# One try: each record that Kinesis takes is a view of its own, and a lost answer does not say
# whether it took this one.
kinesis = boto3.client(
    "kinesis", config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
)

# Left to itself it would sign for the bucket's global host, which redirects to the region while a
# bucket is young, and a browser's upload does not survive that.
_regional = Config(
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
s3 = boto3.client("s3", config=_config.merge(_regional))
