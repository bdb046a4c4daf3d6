"""Cases that were recorded on AWS, replayed against the engine.

`tests/data/recordings` holds their facts; its README describes the fields.
"""

import json
from collections import Counter
from typing import Any

import pytest

from localcloud.event_sources.failures import Discarded
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import Record
from tests.support.event_source_bench import (
    KINESIS_ARN,
    START,
    TABLE_ARN,
    Bench,
    Function,
    failures,
    unhandled,
)
from tests.support.queue_bench import Function as QueueFunction
from tests.support.queue_bench import QueueBench
from tests.support.repository import ROOT

RECORDINGS = ROOT / "tests" / "data" / "recordings"


def cases(file: str) -> list[Any]:
    recorded = json.loads((RECORDINGS / f"{file}.json").read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in recorded]


def mapping(source_arn: str, settings: dict[str, Any]) -> EventSourceMapping:
    """A mapping with exactly the recorded settings, and AWS's defaults for the others."""
    api = {
        "UUID": "0a1b2c3d-0000-4000-8000-000000000001",
        "EventSourceArn": source_arn,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:recorded",
        **settings,
    }
    return EventSourceMapping.from_api(api, "arn:aws:iam::000000000000:role/recorded")


def sequence_number(record: dict[str, Any]) -> str:
    if "kinesis" in record:
        return str(record["kinesis"]["sequenceNumber"])
    return str(record["dynamodb"]["SequenceNumber"])


def function(behavior: dict[str, Any], records: list[Record]) -> Function:
    """The recorded function: it raises, gives one answer always, or reports one record."""
    if behavior.get("raises"):
        return unhandled
    if "answers" in behavior:
        return lambda _: behavior["answers"]
    [reported] = behavior["reports"]

    def report(batch: list[Any]) -> Any:
        numbers = [sequence_number(each) for each in batch]
        return failures(*[number for number in numbers if number == reported_number])

    reported_number = records[int(reported)].sequence_number
    return report


def replay(case: dict[str, Any], bench: Bench, records: list[Record]) -> None:
    bench.function = function(case["function"], records)
    bench.run_for(100)
    delivered = Counter(
        sequence_number(record) for event in bench.events for record in event["Records"]
    )
    if "deliveries" in case:
        assert [delivered[each.sequence_number] for each in records] == case["deliveries"]
    if "batches" in case:
        assert len(bench.events) == case["batches"]
    assert [facts(each) for each in bench.kept] == [
        expected(document, records) for document in case["documents"]
    ]


def facts(discarded: Discarded) -> dict[str, Any]:
    document = discarded.document()
    context = document["requestContext"]
    assert set(document) - {"responseContext"} == {
        "requestContext",
        "version",
        "timestamp",
        "KinesisBatchInfo" if "KinesisBatchInfo" in document else "DDBStreamBatchInfo",
    }
    return {
        "records": [each.sequence_number for each in discarded.records],
        "condition": context["condition"],
        "approximateInvokeCount": context["approximateInvokeCount"],
        "responseContext": document.get("responseContext"),
    }


def expected(document: dict[str, Any], records: list[Record]) -> dict[str, Any]:
    numbers = [records[place].sequence_number for place in document["records"]]
    return {"responseContext": None, **document, "records": numbers}


@pytest.mark.parametrize("case", cases("kinesis"))
def test_kinesis_stream_is_processed_as_recorded(case: dict[str, Any]):
    bench = Bench(mapping=mapping(KINESIS_ARN, case["settings"]))
    ages = case.get("ages", [0] * len(case["records"]))
    records = [
        bench.stream.put(f"key {place}", json.dumps(data).encode(), arrived=START - age)
        for place, (data, age) in enumerate(zip(case["records"], ages, strict=True))
    ]
    replay(case, bench, records)


@pytest.mark.parametrize("case", cases("tables"))
def test_table_is_processed_as_recorded(case: dict[str, Any]):
    bench = Bench(mapping=mapping(TABLE_ARN, case["settings"]))
    items: dict[str, Any] = {}
    records = []
    for item in case["records"]:
        key = item["id"]["S"]
        records.append(bench.stream.change({"id": item["id"]}, new=item, old=items.get(key)))
        items[key] = item
    replay(case, bench, records)


def queue_function(case: dict[str, Any], bodies: list[str]) -> QueueFunction:
    """The recorded function of a queue: it fails, or reports, the first deliveries of a message."""
    behavior = case["function"]
    if "answers" in behavior:
        return lambda _: behavior["answers"]

    def deliveries(record: dict[str, Any]) -> int:
        return int(record["attributes"]["ApproximateReceiveCount"])

    def run(records: list[Any]) -> Any:
        if "reports_first" in behavior:
            fails = dict(zip(bodies, behavior["reports_first"], strict=True))
            failed = [each for each in records if deliveries(each) <= fails[each["body"]]]
            return failures(*[each["messageId"] for each in failed])
        if deliveries(records[0]) <= behavior["raises_first"]:
            return unhandled(records)
        return None

    return run


@pytest.mark.parametrize("case", cases("queues"))
def test_queue_is_processed_as_recorded(case: dict[str, Any]):
    bodies = case["messages"]
    bench = QueueBench(queue_function(case, bodies), **case["queue"], **case["settings"])
    group = "1" if bench.mapping.is_fifo else None
    for body in bodies:
        bench.queue.send(body, group, **case.get("message_attributes", {}))
    bench.run_for(100)
    assert bench.batches == [[bodies[place] for place in batch] for batch in case["batches"]]
    assert bench.queue.dead == [bodies[place] for place in case["dead"]]
    assert bench.queue.stored == []
    if "seconds_between" in case:
        assert bench.seconds[1] - bench.seconds[0] >= case["seconds_between"]
    if "record" in case:
        record = bench.events[0]["Records"][0]
        assert set(record) == set(case["record"].pop("keys"))
        assert set(record["attributes"]) == set(case["record"].pop("attributes"))
        assert case["record"].items() <= record.items()
