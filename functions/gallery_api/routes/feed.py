"""/photos: the READY ones, newest first, from the catalog."""

import re
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from gallery_api.cursors import decode_cursor, encode_cursor
from gallery_api.environment import dynamodb, settings
from gallery_api.models import PhotoPage, public_photo
from gallery_api.problems import ProblemError
from shared.dynamodb import from_item, to_item
from shared.photos import FEED

_LIMIT = re.compile("[1-9][0-9]?|100")

router = APIGatewayRouter()


@router.get("/photos")
def list_photos() -> PhotoPage:
    """A page of photos: their ids sort by time. 101 rows stay far below the 1 MB of one Query."""
    asked = router.current_event.query_string_parameters
    limit = _limit(asked.get("limit", "30"))
    start: dict[str, Any] = {}
    if "cursor" in asked:
        key = {"feed": FEED, "photo_id": decode_cursor(asked["cursor"])}
        start["ExclusiveStartKey"] = to_item(key)
    answer = dynamodb.query(
        TableName=settings.catalog_table,
        IndexName="feed",
        KeyConditionExpression="feed = :feed",
        ExpressionAttributeValues=to_item({":feed": FEED}),
        ScanIndexForward=False,
        Limit=limit + 1,  # the one more says whether there is another page
        **start,
    )
    photos = [public_photo(from_item(item, dict)) for item in answer["Items"][:limit]]
    more = len(answer["Items"]) > limit
    return PhotoPage(photos=photos, cursor=encode_cursor(photos[-1].photo_id) if more else None)


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "limit must be a whole number from 1 to 100")
    return int(text)
