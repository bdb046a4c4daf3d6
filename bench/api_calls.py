"""The AWS calls of each route of the API, and the bytes of calls and answers.

`python bench/api_calls.py`. The function's own clients send the requests, which get their answers
before they leave.
"""

import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from api_requests import CONTEXT, EVENTS, ITEM, PAGE_SIZE, PHOTO, written_nowhere
from aws_answers import answer
from botocore.awsrequest import AWSResponse
from results import print_table

from gallery_api import handler as gallery_api
from shared.dynamodb import to_item
from shared.view_rows import TOTAL, minute_key, pack_minutes

# A photo that was seen in each of the last 60 minutes, and has three renditions.
_NOW = datetime.now(UTC).replace(second=0, microsecond=0)
_MINUTES = [_NOW - timedelta(minutes=age) for age in range(60)]
_TOTAL = {
    "photo_id": PHOTO.photo_id,
    "period": TOTAL,
    "views": 420,
    "counted_at": PHOTO.ready_at,
    "last_sequence": "4" * 56,
    "version": 60,
    "recent": pack_minutes({int(minute.timestamp()) // 60: 7 for minute in _MINUTES}),
}
_MINUTE_KEYS = [
    to_item({"photo_id": PHOTO.photo_id, "period": minute_key(minute)}) for minute in _MINUTES
]
_RENDITIONS = "".join(
    f"<Contents><Key>{rendition.key}</Key></Contents>" for rendition in PHOTO.renditions.values()
)
BODIES = {
    "GetItem": json.dumps({"Item": ITEM}),
    "Query": json.dumps({"Items": [ITEM] * (PAGE_SIZE + 1)}),
    "Query of totals": json.dumps({"Items": [to_item(_TOTAL)]}),
    "Query of minutes": json.dumps({"Items": _MINUTE_KEYS}),
    "UpdateItem": json.dumps({"Attributes": ITEM}),
    "BatchWriteItem": json.dumps({"UnprocessedItems": {}}),
    "PutRecord": json.dumps({"ShardId": "shardId-000000000000", "SequenceNumber": "4" * 56}),
    "ListObjectsV2": f"<ListBucketResult>{_RENDITIONS}</ListBucketResult>",
    "DeleteObject": "",
}


class CountedRequests:
    """Counts requests of real clients and their bytes, and answers before they leave."""

    def __init__(self, *clients: Any) -> None:
        self.names: list[str] = []
        self.sent = self.received = 0
        for client in clients:
            client.meta.events.register("before-send", self.answer)

    def answer(self, request: Any, event_name: str, **_: object) -> AWSResponse:
        name = event_name.rpartition(".")[2]
        self.names.append(name)
        if name == "Query" and b'"Views"' in request.body:
            name = f"Query of {'totals' if b'begins_with' in request.body else 'minutes'}"
        body = BODIES.get(name, "{}").encode()
        headers = sum(len(f"{key}: {value}\r\n") for key, value in request.headers.items())
        self.sent += headers + len(request.body or b"")
        self.received += len(body)
        return answer(request.url, body)


def main() -> None:
    resources = gallery_api.resources
    requests = CountedRequests(
        resources.dynamodb, resources.counts_dynamodb, resources.kinesis, resources.s3
    )
    rows = []
    for route, event in EVENTS.items():
        requests.names, requests.sent, requests.received = [], 0, 0
        with written_nowhere():
            answered = gallery_api.handler(event, CONTEXT)
        if answered["statusCode"] >= 300:
            sys.exit(f"{route} answered {answered['statusCode']}: {answered['body']}")
        size = len(answered["body"]) + sum(
            len(f"{name}: {each}\r\n")
            for name, values in answered["multiValueHeaders"].items()
            for each in values
        )
        counts = Counter(requests.names).items()
        names = ", ".join(name if number == 1 else f"{number} {name}" for name, number in counts)
        rows.append((route, names, f"{requests.sent:,}", f"{requests.received:,}", f"{size:,}"))
    columns = ("route", "AWS calls", "bytes sent", "bytes received", "bytes of the answer")
    print_table("Calls and bytes", columns, rows)


if __name__ == "__main__":
    main()
