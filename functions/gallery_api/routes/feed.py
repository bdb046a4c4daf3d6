"""Lists: `/photos` has all READY photos, from the catalog; `/me/photos` has the caller's own."""

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from gallery_api.cached_answers import cached
from gallery_api.claims import signed_in
from gallery_api.cursors import decode_cursor, encode_cursor
from gallery_api.models import PhotoPage, PublicPhoto, public_photo
from gallery_api.problems import ProblemError
from gallery_api.resources import resources_of
from shared.dynamodb import from_item, to_item
from shared.photos import FEED, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_LIMIT = re.compile("[1-9][0-9]?|100")
_DEFAULT_LIMIT = "30"
_MAX_KEPT = 1000  # photos in memory, each of about 3 kB
_MAX_QUERIES = 10  # for one page: a query returns fewer rows if it leaves out deleted photos

router = APIGatewayRouter()
_kept: dict[bytes, PublicPhoto] = {}


@router.get("/photos")
def list_photos() -> Response[PhotoPage]:
    """A page of READY photos, newest first."""
    return cached(_page(resources_of(router).settings.catalog_table, "feed", FEED))


@router.get("/me/photos")
def list_own_photos() -> PhotoPage:
    """A page of the caller's own photos, newest first, PENDING and FAILED ones included.

    A page may be shorter than its limit and still have a cursor.
    """
    owner = signed_in(router.current_event)
    return _page(resources_of(router).settings.photos_table, "owner", owner)


def _page(table: str, index: str, partition: str) -> PhotoPage:
    """The requested page, newest first, because ids sort by time.

    A query reads at most 101 rows, which stay far below its limit of 1 MB.
    """
    asked = router.current_event.query_string_parameters
    asked_limit = asked.get("limit", _DEFAULT_LIMIT)
    if not _LIMIT.fullmatch(asked_limit):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "limit must be a whole number from 1 to 100")
    limit = int(asked_limit)
    start: dict[str, Any] = {}
    if "cursor" in asked:
        key = {index: partition, "photo_id": decode_cursor(asked["cursor"])}
        start["ExclusiveStartKey"] = to_item(key)
    values = {":partition": partition, ":deleted": Status.DELETED}
    items: list[Any] = []
    for _ in range(_MAX_QUERIES):
        answer = resources_of(router).dynamodb.query(
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#index = :partition",
            FilterExpression="#status <> :deleted",
            ExpressionAttributeNames={"#index": index, "#status": "status"},
            ExpressionAttributeValues=to_item(values),
            ScanIndexForward=False,
            Limit=limit + 1,  # one more than the page, to know whether there is another page
            **start,
        )
        items += answer["Items"]
        last = answer.get("LastEvaluatedKey")
        if last is None or len(items) > limit:
            break
        start["ExclusiveStartKey"] = last
    if len(items) > limit:
        last = items[limit - 1]
    photos = [_public_photo(item) for item in items[:limit]]
    return PhotoPage(photos, encode_cursor(last["photo_id"]["S"]) if last else None)


def _public_photo(row: "Mapping[str, AttributeValueTypeDef]") -> PublicPhoto:
    """What the API shows of a row. It is kept, because most rows of a list were in earlier lists.

    The whole row is the key: `version` alone would hide a change that was made by hand.
    """
    key = msgspec.json.encode(row)
    if key not in _kept:
        if len(_kept) == _MAX_KEPT:
            _kept.clear()
        _kept[key] = public_photo(from_item(row, dict))
    return _kept[key]
