"""`/photos/{photo_id}/views`: record a view, and get the counts."""

from http import HTTPStatus

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from gallery_api.cached_answers import cached
from gallery_api.models import PhotoViews, RecordedView
from gallery_api.problems import no_such_photo
from gallery_api.resources import resources_of
from gallery_api.view_counts import photo_views, read_totals
from gallery_api.viewers import viewer_address
from shared.dynamodb import from_item, to_item
from shared.photo_ids import is_photo_id
from shared.photos import Status
from shared.timestamps import iso_milliseconds

router = APIGatewayRouter()


@router.post("/photos/<photo_id>/views")
def record_view(photo_id: str) -> Response[RecordedView]:
    """Put one view of a listed photo into the stream; view_counter counts it.

    The answer has the counts before this view.
    """
    resources = resources_of(router)
    if not is_photo_id(photo_id) or not _is_listed(photo_id):
        raise no_such_photo()
    record = {"photo_id": photo_id, "viewed_at": iso_milliseconds(resources.clock())}
    if resources.settings.repeated_views == "left-out" and (address := _viewer_address()):
        record["viewer"] = resources.pseudonyms.of(address)
    _put(photo_id, msgspec.json.encode(record))
    view = RecordedView(photo_id, record["viewed_at"], views=_counts_or_none(photo_id))
    return Response(status_code=HTTPStatus.ACCEPTED, content_type="application/json", body=view)


@router.get("/photos/<photo_id>/views")
def get_views(photo_id: str) -> Response[PhotoViews]:
    """The total, and the views in each minute of the last hour."""
    resources = resources_of(router)
    if not is_photo_id(photo_id) or not _exists(photo_id):
        raise no_such_photo()
    totals = read_totals(resources.dynamodb, resources.settings.views_table, photo_id)
    return cached(photo_views(photo_id, totals, resources.clock()))


def _put(photo_id: str, data: bytes) -> None:
    """Put a record into the stream. If its shard refuses it, put it again under a further key.

    Raises:
        BotoCoreError, ClientError: the stream may have the record, or has refused it twice.
    """
    resources = resources_of(router)
    stream = resources.settings.views_stream
    hot_photos = resources.hot_photos
    try:
        resources.kinesis.put_record(
            StreamName=stream, PartitionKey=hot_photos.partition_key(photo_id), Data=data
        )
    except resources.kinesis.exceptions.ProvisionedThroughputExceededException:
        hot_photos.spread(photo_id)
        resources.logger.warning("views_spread", photo_id=photo_id)
        resources.kinesis.put_record(
            StreamName=stream, PartitionKey=hot_photos.partition_key(photo_id), Data=data
        )


def _counts_or_none(photo_id: str) -> PhotoViews | None:
    """The counts for the answer to a view.

    Without them the view is accepted as well: a caller who gets an error may send it again, and
    both would count.
    """
    resources = resources_of(router)
    try:
        totals = resources.recent_totals.of(photo_id)
        return None if totals is None else photo_views(photo_id, totals, resources.clock())
    except Exception:
        resources.logger.warning("view_counts_unread", exc_info=True)
        return None


def _viewer_address() -> str:
    callers = resources_of(router).settings.api_callers
    return viewer_address(router.current_event.raw_event, behind_cloudfront=callers == "cloudfront")


def _exists(photo_id: str) -> bool:
    """Whether there is a photo with this id that is not deleted (half a read unit).

    The views table cannot show it: views that were in the stream at the deletion are counted later.
    """
    status = _status(resources_of(router).settings.photos_table, photo_id)
    return status not in {None, Status.DELETED}


def _is_listed(photo_id: str) -> bool:
    """Whether the catalog shows the photo (half a read unit).

    Without this read anyone could fill the stream and the views table with ids that they make up. A
    new photo that the catalog does not list yet cannot be viewed yet.
    """
    return _status(resources_of(router).settings.catalog_table, photo_id) == Status.READY


def _status(table: str, photo_id: str) -> str | None:
    """The status in the record or row of a photo, by an eventually consistent read."""
    resources = resources_of(router)
    resources.logger.append_keys(photo_id=photo_id)
    answer = resources.dynamodb.get_item(
        TableName=table,
        Key=to_item({"photo_id": photo_id}),
        ProjectionExpression="#status",
        ExpressionAttributeNames={"#status": "status"},
    )
    return from_item(answer["Item"], dict).get("status") if "Item" in answer else None
