"""What the routes share, made once when the function starts."""

import os

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from shared.settings import load_settings


class Settings(msgspec.Struct, frozen=True):
    """The function's configuration."""

    photos_table: str
    catalog_table: str
    views_stream: str
    views_table: str
    uploads_bucket: str


settings = load_settings(Settings, os.environ)
logger = Logger()
metrics = Metrics()

# A caller hears 503 before Lambda's own time limit, though one request may wait for both: 7 s for
# two tries and a pause, and 2 s for the stream.
dynamodb = boto3.client(
    "dynamodb",
    config=Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"total_max_attempts": 2, "mode": "standard"},
    ),
)

# One try: each record that Kinesis takes is a view of its own, and a lost answer does not say
# whether it took this one.
kinesis = boto3.client(
    "kinesis", config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
)

# Only signs. Left to itself it would name the bucket's global host, which redirects to the region
# while a bucket is young, and a browser's upload does not survive that.
s3 = boto3.client(
    "s3",
    config=Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    ),
)
