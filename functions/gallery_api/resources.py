"""Configuration and clients, created once when the execution environment starts."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config
from botocore.session import get_session

from gallery_api.hot_photos import HotPhotos
from gallery_api.idempotency_store import IdempotencyStore
from gallery_api.recent_totals import RecentTotals
from gallery_api.view_counts import read_totals
from gallery_api.viewers import Pseudonyms
from shared.client_config import client_config
from shared.clients import make_client
from shared.logs import make_logger
from shared.photo_ids import new_photo_id
from shared.settings import load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.router import APIGatewayRouter
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

_CONTEXT_KEY: Final = "resources"


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    photos_table: str
    catalog_table: str
    views_stream: str
    views_table: str
    uploads_bucket: str
    media_bucket: str
    idempotency_table: str
    api_callers: Literal["cloudfront", "anyone"]
    repeated_views: Literal["counted", "left-out"]
    logged_fraction: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Resources(msgspec.Struct, frozen=True):
    """What the routes use; `answers` stores answers under their idempotency key.

    `counts_dynamodb` reads counts, which an answer may lack: its calls take 2 s at most.
    """

    settings: Settings
    dynamodb: "DynamoDBClient"
    counts_dynamodb: "DynamoDBClient"
    kinesis: "KinesisClient"
    s3: "S3Client"
    answers: IdempotencyStore
    pseudonyms: Pseudonyms
    hot_photos: HotPhotos
    recent_totals: RecentTotals
    logger: Logger
    metrics: Metrics
    region: str
    clock: Callable[[], datetime]

    def as_context(self) -> dict[str, Any]:
        """The context of Powertools' resolver in which `resources_of` finds them."""
        return {_CONTEXT_KEY: self}


def resources_of(router: "APIGatewayRouter") -> Resources:
    """The resources of the invocation that the router is answering."""
    return cast("Resources", router.context[_CONTEXT_KEY])


def make_resources(environment: Mapping[str, str]) -> Resources:
    """Read the settings and create the clients.

    Raises:
        SettingsError: the environment lacks a variable.
    """
    settings = load_settings(Settings, environment)
    logger = make_logger()  # before the clients: libraries are quiet from here on
    # A call with this configuration takes at most 7 s: two attempts and a pause. Most requests make
    # at most three such calls. If AWS does not answer, the caller gets a 503 after 21 s at most,
    # before Lambda's timeout. Three kinds of requests may make more of these calls: one that takes
    # over an idempotency claim, a list in which deleted photos are left out, and a deletion, which
    # watches the time that is left.
    config = client_config(connect=1, read=2, attempts=2, environment=environment)
    # One attempt: Kinesis may have stored a record whose answer was lost. A second attempt would
    # store another record, and the view would be counted twice. The function itself puts a view
    # again only if Kinesis has answered that it refuses the first record.
    kinesis_config = client_config(connect=1, read=1, attempts=1, environment=environment)
    # One short attempt: a view is accepted without counts, and its sender is waiting.
    counts_config = client_config(connect=1, read=1, attempts=1, environment=environment)
    # By default botocore signs for the bucket's global host. While a bucket is new, that host
    # redirects to the region, and a browser's upload does not follow the redirect.
    regional = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    session = get_session()
    dynamodb = make_client(session, "dynamodb", config)
    counts_dynamodb = make_client(session, "dynamodb", counts_config)

    def clock() -> datetime:
        return datetime.now(UTC)

    return Resources(
        settings=settings,
        dynamodb=dynamodb,
        counts_dynamodb=counts_dynamodb,
        kinesis=make_client(session, "kinesis", kinesis_config),
        s3=make_client(session, "s3", config.merge(regional)),
        answers=IdempotencyStore(
            settings.idempotency_table, dynamodb, lambda: new_photo_id(clock()), clock
        ),
        pseudonyms=Pseudonyms(dynamodb, settings.idempotency_table, clock),
        hot_photos=HotPhotos(clock),
        recent_totals=RecentTotals(
            lambda photo_id: read_totals(counts_dynamodb, settings.views_table, photo_id), clock
        ),
        logger=logger,
        metrics=Metrics(),
        region=environment["AWS_REGION"],
        clock=clock,
    )
