"""The targets: each takes any bytes, and raises only if the tested code has a bug."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from catalog_replicator.catalog import plan
from edge_headers import handler as edge_headers
from gallery_api.bodies import decode_body
from gallery_api.cursors import decode_cursor
from gallery_api.models import NewPhoto
from gallery_api.problems import ProblemError
from shared.dynamodb import to_item
from shared.events import UnexpectedEventError
from shared.quarantine import Poison
from tests.fuzz.seeds import PHOTO_ID
from thumbnailer.notifications import objects_in
from thumbnailer.renditions import RENDITION_SIZES, UnusablePhotoError, render
from view_counter.view_records import read_batch

_NOW: Final = datetime(2026, 11, 28, tzinfo=UTC)


def photo(data: bytes) -> None:
    """A file is rendered in all sizes, or refused with a reason."""
    with suppress(UnusablePhotoError):
        assert render(data).renditions.keys() == RENDITION_SIZES.keys()


def uploads(data: bytes) -> None:
    """S3's notification for the thumbnailer."""
    event = _json(data)
    if isinstance(event, dict):
        with suppress(UnexpectedEventError):
            objects_in(event)


def views(data: bytes) -> None:
    """The data of a Kinesis record: a view or poison, and no exception of the function's own."""
    kinesis = {
        "sequenceNumber": "1",
        "partitionKey": PHOTO_ID,
        "data": base64.b64encode(data).decode(),
        "approximateArrivalTimestamp": _NOW.timestamp(),
    }
    batch = read_batch([{"eventID": "shardId-000000000000:1", "kinesis": kinesis}])
    assert len(batch.views) + len(batch.poison) == 1
    for _, poison in batch.poison:
        _assert_expected(poison)


def changes(data: bytes) -> None:
    """The image of a DynamoDB record: a row or poison, and no exception of the function's own."""
    image = _json(data)
    if not isinstance(image, dict):
        return
    try:
        typed = to_item(image)
    except (TypeError, ValueError, ArithmeticError):
        return  # no such item can be in a table
    change = {"SequenceNumber": "1", "ApproximateCreationDateTime": 1.0, "NewImage": typed}
    for step in plan({"Records": [{"eventName": "INSERT", "dynamodb": change}]}, _NOW):
        if isinstance(step, Poison):
            _assert_expected(step)


def bodies(data: bytes) -> None:
    """The body of a request to create a photo."""
    for body, encoded in ((data.decode("utf-8", "replace"), False), (data.decode("latin-1"), True)):
        event = APIGatewayProxyEvent({"headers": {}, "body": body, "isBase64Encoded": encoded})
        with suppress(ProblemError):
            decode_body(event, NewPhoto)


def cursors(data: bytes) -> None:
    """The cursor of a page."""
    with suppress(ProblemError):
        decode_cursor(data.decode("utf-8", "replace"))


def pages(data: bytes) -> None:
    """Path, query and type in an event of CloudFront; without a row to look up."""
    path, _, query = data.decode("latin-1").partition("?")
    request = {"method": "GET", "uri": f"/{path}", "querystring": query, "origin": {}}
    kind = [{"key": "Content-Type", "value": query}]
    response = {"status": "200", "headers": {"content-type": kind}}
    cf = {"request": request, "response": response}
    answer = edge_headers.handler({"Records": [{"cf": cf}]}, None)
    assert answer["headers"]["cache-control"]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _assert_expected(poison: Poison) -> None:
    for sign in ("the function raised", "Traceback"):
        assert sign not in poison.reason, poison.reason


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "photo": photo,
    "uploads": uploads,
    "views": views,
    "changes": changes,
    "bodies": bodies,
    "cursors": cursors,
    "pages": pages,
}
