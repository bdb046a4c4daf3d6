"""/photos/{photo_id}/views: a photo was looked at, and how often it was."""

from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from gallery_api.environment import dynamodb, kinesis, logger, settings
from gallery_api.models import PhotoViews, RecordedView
from gallery_api.problems import no_such_photo
from gallery_api.view_counts import TOTAL, first_period, photo_views
from shared.dynamodb import from_item, to_item
from shared.photo_ids import is_photo_id
from shared.photos import Status
from shared.timestamps import iso_milliseconds

router = APIGatewayRouter()


@router.post("/photos/<photo_id>/views")
def record_view(photo_id: str) -> Response[RecordedView]:
    """Hand one view of a listed photo to the stream; counting it is the stream's business."""
    if not is_photo_id(photo_id) or not _is_listed(photo_id):
        raise no_such_photo()
    view = RecordedView(photo_id, iso_milliseconds(datetime.now(UTC)))
    kinesis.put_record(
        StreamName=settings.views_stream, PartitionKey=photo_id, Data=msgspec.json.encode(view)
    )
    return Response(status_code=HTTPStatus.ACCEPTED, content_type="application/json", body=view)


@router.get("/photos/<photo_id>/views")
def get_views(photo_id: str) -> PhotoViews:
    """The total and the last hour: zeros for any id without views, which saves another read."""
    if not is_photo_id(photo_id):
        raise no_such_photo()
    logger.append_keys(photo_id=photo_id)
    now = datetime.now(UTC)
    # More than one page only if what the counter keeps for itself in the rows passes 1 MB.
    pages = dynamodb.get_paginator("query").paginate(
        TableName=settings.views_table,
        KeyConditionExpression="photo_id = :photo_id AND period BETWEEN :first AND :total",
        ProjectionExpression="period, #views, counted_at",
        ExpressionAttributeNames={"#views": "views"},
        ExpressionAttributeValues=to_item(
            {":photo_id": photo_id, ":first": first_period(now), ":total": TOTAL}
        ),
    )
    rows = (from_item(item, dict) for page in pages for item in page["Items"])
    return photo_views(photo_id, rows, now)


def _is_listed(photo_id: str) -> bool:
    """Whether the catalog shows the photo.

    Without this read (half a unit) anybody could fill stream and tables with ids of their own
    making. The catalog may be a moment behind: until then a new photo has no page to be seen on.
    """
    logger.append_keys(photo_id=photo_id)
    answer = dynamodb.get_item(
        TableName=settings.catalog_table,
        Key=to_item({"photo_id": photo_id}),
        ProjectionExpression="#status",
        ExpressionAttributeNames={"#status": "status"},
    )
    return answer.get("Item") == to_item({"status": Status.READY})
