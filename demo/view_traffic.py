"""Views for the demo: thousands in bursts, with poison records, and all delivered twice."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from demo.client import Gallery, GalleryError
from localcloud.cloud import Cloud
from shared.view_rows import SUFFIXES

_BURST: Final = 500  # the limit of PutRecords
POISON: Final = (b"not JSON", b"\xf3\x89\x9a\xc2 aggregated", b'{"photo_id": 7}', b"[]", b"")


class Sent(msgspec.Struct, frozen=True):
    """The records put into the stream: views by photo, and poison records."""

    views: Counter[str]
    poison: int


def send_views(
    cloud: Cloud, stack: Mapping[str, str], gallery: Gallery, photo_ids: list[str], count: int
) -> Sent:
    """Send one view per photo by the API, and the rest into the stream with poison records.

    The views of the most viewed photo are spread over its partition keys, as the API does it.
    """
    views: Counter[str] = Counter()
    for photo_id in photo_ids:
        gallery.record_view(photo_id)
        views[photo_id] += 1
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    records = []
    for number in range(count - len(photo_ids)):
        # Popular photos first: each one is seen half as often as the one before it.
        place = min((number + 1 & -(number + 1)).bit_length() - 1, len(photo_ids) - 1)
        photo_id = photo_ids[place]
        views[photo_id] += 1
        view = json.dumps({"photo_id": photo_id, "viewed_at": now}).encode()
        suffix = "" if place else SUFFIXES[number % len(SUFFIXES)]
        records.append({"Data": view, "PartitionKey": f"{photo_id}{suffix}"})
    for number, data in enumerate(POISON):
        records.insert(number * len(records) // len(POISON), {"Data": data, "PartitionKey": "x"})
    kinesis = cloud.client("kinesis")
    for start in range(0, len(records), _BURST):
        answer = kinesis.put_records(
            StreamName=stack["ViewsStreamName"], Records=records[start : start + _BURST]
        )
        if answer["FailedRecordCount"]:
            raise GalleryError(f"Kinesis refused {answer['FailedRecordCount']} records")
    return Sent(views, len(POISON))


def deliver_again(cloud: Cloud, stack: Mapping[str, str]) -> int:
    """Invoke the counter with all records of the stream again, in batches with other borders.

    Returns the number of records.
    """
    kinesis, lambda_ = cloud.client("kinesis"), cloud.client("lambda")
    name = stack["ViewsStreamName"]
    delivered = 0
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            page = kinesis.get_records(ShardIterator=iterator, Limit=333)
            records, iterator = page["Records"], page["NextShardIterator"]
            if not records:
                break
            event = {"Records": [_as_in_an_event(shard["ShardId"], each) for each in records]}
            answer = lambda_.invoke(
                FunctionName=stack["ViewCounterFunctionName"],
                Qualifier="live",
                Payload=json.dumps(event),
            )
            result = json.loads(answer["Payload"].read())
            if "FunctionError" in answer or result["batchItemFailures"]:
                raise GalleryError(
                    f"the counter refused a batch that was delivered again: {result}"
                )
            delivered += len(records)
    return delivered


def _as_in_an_event(shard_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
    }
