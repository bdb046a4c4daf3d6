"""Views: decoding, counting and writing, each compared with a baseline, in interleaved runs.

`python bench/streams.py`. A batch has 1,000 records of 50 photos in one minute. Calls of DynamoDB
go through boto3 up to the point where a request would leave the machine, and get an empty answer.
The content of the tables, and its cost, is computed from the same requests. A second table of
results has both stream functions' whole handlers with batches of 1 to 10,000 events, in processor
time.
"""

import argparse
import binascii
import contextlib
import copy
import io
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import boto3
import msgspec
from aws_answers import answer
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from results import exit_status, print_table, verdict

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "layers")]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_METRICS_NAMESPACE": "gallery",
    "POWERTOOLS_SERVICE_NAME": "view_counter",
    "VIEWS_TABLE": "Views",
    "CATALOG_TABLE": "Catalog",
    "DISTRIBUTION_ID": "none",
    "FAILED_BATCHES_BUCKET": "failed-batches",
}

from catalog_replicator import handler as catalog_replicator  # noqa: E402
from fakes import view_records as stream  # noqa: E402
from fakes.tables import Item, Tables  # noqa: E402 - only now are they found
from fakes.view_records import NOW, Clock, Context, photo  # noqa: E402
from shared.view_rows import pack_minutes  # noqa: E402
from view_counter import handler as view_counter  # noqa: E402
from view_counter.segments import cut, transaction  # noqa: E402
from view_counter.view_records import read_batch  # noqa: E402

RECORDS, PHOTOS = 1000, 50
BATCHES = (1, 10, 100, 1_000, 10_000)


def views(records: int, photos: int = PHOTOS) -> dict[str, list[stream.Record]]:
    """A batch of that many views of so many photos in one minute."""
    return {"Records": [stream.record(number, photo(number % photos)) for number in range(records)]}


EVENT = views(RECORDS)
MINUTE = int(NOW.timestamp()) // 60
TOTAL_ROW: Item = {
    "views": {"N": "123456"},
    "version": {"N": "12345"},
    "last_sequence": {"S": "0" * 56},
    "counted_at": {"S": "2026-11-20T12:34:55.123Z"},
    "recent": {"S": pack_minutes(dict.fromkeys(range(MINUTE - 60, MINUTE + 1), 20))},
}
CHANGE = json.loads((ROOT / "events" / "dynamodb_photo_ready.json").read_text())["Records"][0]


def changes(records: int) -> dict[str, list[dict[str, Any]]]:
    """A batch of that many photos that became READY."""
    batch = [copy.deepcopy(CHANGE) for _ in range(records)]
    for number, each in enumerate(batch):
        change = each["dynamodb"]
        change["SequenceNumber"] = str(10**20 + number)
        change["Keys"]["photo_id"]["S"] = change["NewImage"]["photo_id"]["S"] = photo(number)
    return {"Records": batch}


class Calls:
    """Counts a client's requests, and answers them before they leave.

    Each item that is read is a total with an hour of minutes.
    """

    def __init__(self, client: Any) -> None:
        self.count = self.put_units = 0
        client.meta.events.register("before-send.dynamodb", self.answer)

    def answer(self, request: Any, **_: object) -> AWSResponse:
        self.count += 1
        asked = json.loads(request.body)
        if item := asked.get("Item"):
            self.put_units += math.ceil(size(item) / 1024)
        found = [
            {"Item": TOTAL_ROW | action["Get"]["Key"]}
            for action in asked.get("TransactItems", ())
            if "Get" in action
        ]
        return answer("https://dynamodb", json.dumps({"Responses": found}).encode())


class _ComparedView(msgspec.Struct, gc=False):
    photo_id: str
    viewed_at: Annotated[datetime, msgspec.Meta(tz=True)]


_decode = msgspec.json.Decoder(_ComparedView).decode


def tight_loop() -> dict[tuple[str, float], int]:
    """The minimum that counts views by photo and minute, without checks, conditions or order."""
    counts: dict[tuple[str, float], int] = {}
    for each in EVENT["Records"]:
        event = _decode(binascii.a2b_base64(each["kinesis"]["data"]))
        key = (event.photo_id, event.viewed_at.timestamp() // 60)
        counts[key] = counts.get(key, 0) + 1
    return counts


def core() -> int:
    """From the event to the transactions that count it."""
    segments = cut(read_batch(EVENT["Records"]).views)
    return sum(len(transaction("Views", segment, NOW, {})) for segment in segments)


dynamodb = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 2}))
processor = BatchProcessor(event_type=EventType.KinesisDataStreams)


def key_of(photo_id: str, period: str) -> Item:
    return {"photo_id": {"S": photo_id}, "period": {"S": period}}


def write_one(record: KinesisStreamRecord) -> None:
    """One write per record, as in Powertools' documentation."""
    view = record.kinesis.data_as_json()
    dynamodb.update_item(
        TableName="Views",
        Key=key_of(view["photo_id"], "total"),
        UpdateExpression="ADD #views :one",
        ExpressionAttributeNames={"#views": "views"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def one_write_per_record() -> object:
    return process_partial_response(
        event=EVENT, record_handler=write_one, processor=processor, context=None
    )


def conditional_updates(number: int = 0) -> list[Item]:
    """Two conditional updates per photo; without receipts a replay cannot be exact."""
    updates = []
    for photo_number in range(PHOTOS):
        for period in ("total", f"minute#{NOW:%Y-%m-%dT%H:%MZ}"):
            values = {
                ":views": {"N": str(RECORDS // PHOTOS)},
                ":last": {"S": f"{number:056}"},
                ":now": {"S": NOW.isoformat()},
            }
            updates.append(
                {
                    "TableName": "Views",
                    "Key": key_of(photo(photo_number), period),
                    "UpdateExpression": "ADD #views :views SET last_sequence = :last,"
                    " counted_at = :now",
                    "ConditionExpression": "attribute_not_exists(last_sequence)"
                    " OR last_sequence < :last",
                    "ExpressionAttributeNames": {"#views": "views"},
                    "ExpressionAttributeValues": values,
                }
            )
    return updates


def two_updates_per_photo() -> None:
    tight_loop()
    for update in conditional_updates():
        dynamodb.update_item(**update)


def whole_handler() -> Any:
    return view_counter.handler(EVENT, Context(Clock(60)))


def size(item: Item) -> int:
    """The size in bytes by DynamoDB's rule: names and values, two digits of a number per byte."""
    total = 0
    for name, value in item.items():
        [(type_, content)] = value.items()
        parts = content if isinstance(content, list) else [content]
        total += len(name) + sum(
            math.ceil(len(part) / 2) + 1 if type_ == "N" else len(part) for part in parts
        )
    return total


def write_units(batches: int) -> tuple[float, float]:
    """Write units per batch of one minute, on average: transactions, and conditional updates."""
    ours, theirs = (Tables(Views=("photo_id", "period")) for _ in range(2))
    spent = [0, 0]
    for number in range(batches):
        records = [
            stream.record(number * RECORDS + index, photo(index % PHOTOS))
            for index in range(RECORDS)
        ]
        [segment] = cut(read_batch(records).views)
        seen = {(row["photo_id"]["S"], row["period"]["S"]): row for row in ours.items("Views")}
        ours.transact_write_items(TransactItems=transaction("Views", segment, NOW, seen))
        spent[0] += sum(2 * math.ceil(size(item) / 1024) for item in ours.items("Views"))
        for update in conditional_updates(number):
            theirs.transact_write_items(TransactItems=[{"Update": update}])
        spent[1] += sum(math.ceil(size(item) / 1024) for item in theirs.items("Views"))
    return spent[0] / batches, spent[1] / batches


def counting_units(batch: dict[str, list[stream.Record]]) -> int:
    """Write units of the first batch of a minute: those of its transactions."""
    tables, units = Tables(Views=("photo_id", "period")), 0
    for segment in cut(read_batch(batch["Records"]).views):
        tables.transact_write_items(TransactItems=transaction("Views", segment, NOW, {}))
        units += sum(2 * math.ceil(size(item) / 1024) for item in tables.items("Views"))
    return units


def print_whole_handlers(counted: Calls, runs: int) -> None:
    """What both handlers take per batch of each size, by processor time."""
    replicated = Calls(catalog_replicator.dynamodb)
    functions = {
        "view_counter": (view_counter.handler, views, counted),
        "catalog_replicator": (catalog_replicator.handler, changes, replicated),
    }
    rows = []
    for records in BATCHES:
        for name, (handler, make, calls) in functions.items():
            batch = make(records)
            spent = []
            for _ in range(max(1, min(runs, 10_000 // records))):
                calls.count = calls.put_units = 0
                began = time.process_time()
                with contextlib.redirect_stdout(io.StringIO()):
                    answered = handler(batch, Context(Clock(60)))
                spent.append(time.process_time() - began)
                if answered["batchItemFailures"]:
                    sys.exit(f"{name} did not finish a batch of {records} events: {answered}")
            units = counting_units(views(records)) if name == "view_counter" else calls.put_units
            per_event = (calls.count / records, units / records)
            rate = records / statistics.median(spent)
            rows.append(
                (name, f"{records:,}", f"{rate:,.0f}", *(f"{each:.4g}" for each in per_event))
            )
    print_table(
        "Whole handlers by size of the batch",
        ("function", "events", "events/s and core", "calls per event", "write units per event"),
        sorted(rows, key=lambda row: row[0], reverse=True),
    )


def timed(contenders: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median CPU seconds of each contender, run in turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, work in contenders.items():
            started = time.process_time()
            work()
            times[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="of each contender (default 7)")
    runs = parser.parse_args().runs
    ours, theirs = Calls(view_counter.view_counter.dynamodb), Calls(dynamodb)
    view_counter.logger.setLevel("CRITICAL")
    catalog_replicator.logger.registered_handler.setStream(io.StringIO())
    core_times = timed({"core": core, "tight": tight_loop}, runs * 10)
    with contextlib.redirect_stdout(io.StringIO()):
        calls = {}
        contenders = {
            "handler": (whole_handler, ours),
            "one": (one_write_per_record, theirs),
            "two": (two_updates_per_photo, theirs),
        }
        for name, (work, counter) in contenders.items():
            counter.count = 0
            work()
            calls[name] = counter.count
        times = timed({name: work for name, (work, _) in contenders.items()}, runs)
    first, spread = write_units(1), write_units(60)

    ratio = core_times["core"] / core_times["tight"]
    gain = times["one"] / times["handler"]
    targets = (ratio <= 2, gain >= 20, calls["handler"] == 2)

    def row(what: str, seconds: float, called: object = "", target: str = "") -> tuple[str, ...]:
        return what, f"{RECORDS / seconds:,.0f}", f"{seconds * 1000:.2f}", str(called), target

    print_table(
        f"{RECORDS} records of {PHOTOS} photos in one minute",
        ("", "records/s and core", "CPU ms per batch", "calls of DynamoDB", "target"),
        [
            row("decode and aggregate: a tight msgspec loop", core_times["tight"]),
            row(
                "decode and aggregate: view_counter",
                core_times["core"],
                target=f"{ratio:.2f} times the loop, at most 2: {verdict(met=targets[0])}",
            ),
            row("Powertools, one write per record", times["one"], calls["one"]),
            row("two conditional updates per photo, replays not exact", times["two"], calls["two"]),
            row(
                "view_counter's handler",
                times["handler"],
                calls["handler"],
                f"{gain:.0f} times as fast as Powertools, at least 20: {verdict(met=targets[1])};"
                f" two calls: {verdict(met=targets[2])}",
            ),
        ],
    )
    print_table(
        "Write units per such batch",
        ("", "view_counter's transaction", "conditional updates"),
        [
            ("the first batch of a minute", *(f"{each:.0f}" for each in first)),
            ("average of 60 batches in one minute", *(f"{each:.0f}" for each in spread)),
        ],
    )
    print_whole_handlers(ours, runs)
    return exit_status(met=all(targets))


if __name__ == "__main__":
    sys.exit(main())
