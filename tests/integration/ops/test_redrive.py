"""Unprocessed failures stay where they are, and refused failures are never replayed."""

import io
import json
from typing import Any

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from ops import redrive
from ops.failures import Target, Targets
from tests.support.moto_stack import REGION, MotoStack

ACCOUNT = f"{REGION}:123456789012"
ARN = f"arn:aws:lambda:{ACCOUNT}:function:thumbnailer"
EVENT = {
    "requestContext": {"functionArn": f"{ARN}:live", "condition": "RetriesExhausted"},
    "requestPayload": {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Post",
                "s3": {"bucket": {"name": "uploadsbucket"}, "object": {"key": "uploads/1"}},
            }
        ]
    },
    "responsePayload": {"errorMessage": "the disk is full"},
}
# A role that may only send messages to the queue asks for the deletion of somebody's photo.
DELETION = {
    "requestContext": {
        "functionArn": f"arn:aws:lambda:{ACCOUNT}:function:gallery_api:live",
        "condition": "RetriesExhausted",
    },
    "requestPayload": {
        "httpMethod": "DELETE",
        "resource": "/photos/{photo_id}",
        "requestContext": {"authorizer": {"claims": {"sub": "victim"}}},
    },
}
# A role that may write objects asks for a forged photo in the catalog.
FORGED = {
    "function": "catalog_replicator",
    "position": "1",
    "reason": "forged",
    "record": {
        "eventSource": "aws:dynamodb",
        "eventName": "INSERT",
        "eventSourceARN": f"arn:aws:dynamodb:{ACCOUNT}:table/mine/stream/2026-11-20T00:00:00.000",
        "dynamodb": {"SequenceNumber": "1", "NewImage": {}},
    },
}


class FailingFunctions:
    """Lambda's Invoke while the cause of the failures is still there."""

    def invoke(self, **_: Any) -> dict[str, Any]:
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "broken"}')}


class Functions:
    """Lambda's Invoke for a redrive: the first call succeeds, all others fail."""

    def __init__(self) -> None:
        self.invoked: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append(request)
        if len(self.invoked) > 1:
            raise EndpointConnectionError(endpoint_url="https://lambda")
        return {"Payload": io.BytesIO(b"null")}


@pytest.fixture
def parts(stack: MotoStack) -> redrive.FailureSource:
    return redrive.FailureSource(
        s3=stack.s3,
        sqs=stack.sqs,
        lambda_=Functions(),
        bucket=stack.names["FailedBatchesBucket"],
        queue=stack.names["FailedEventsQueue"],
        targets=Targets(
            thumbnailer=Target("thumbnailer", ARN, stack.names["UploadsBucket"]),
            view_counter=Target(
                "view_counter",
                f"arn:aws:lambda:{ACCOUNT}:function:view_counter",
                f"arn:aws:kinesis:{ACCOUNT}:stream/ViewsStream",
                "0a1b2c3d-0000-4000-8000-000000000001",
            ),
            catalog_replicator=Target(
                "catalog_replicator",
                f"arn:aws:lambda:{ACCOUNT}:function:catalog_replicator",
                f"arn:aws:dynamodb:{ACCOUNT}:table/PhotosTable",
                "0a1b2c3d-0000-4000-8000-000000000002",
            ),
        ),
    )


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def send(parts: redrive.FailureSource, *bodies: str) -> None:
    for body in bodies:
        parts.sqs.send_message(QueueUrl=parts.queue, MessageBody=body)


def visible(parts: redrive.FailureSource) -> int:
    answer = parts.sqs.receive_message(QueueUrl=parts.queue, MaxNumberOfMessages=10)
    return len(answer.get("Messages", []))


@pytest.mark.parametrize("dry_run", [True, False])
def test_event_is_visible_after_a_redrive_of_batches(
    parts: redrive.FailureSource, console: Console, *, dry_run: bool
):
    send(parts, json.dumps(EVENT))
    assert redrive.redrive(parts, console, dry_run=dry_run, kinds={"batch"}, rate=1000)
    assert "There is nothing to replay (kinds: batch)." in output(console), "only of this kind"
    assert visible(parts) == 1


def test_events_are_visible_after_a_dry_run(parts: redrive.FailureSource, console: Console):
    send(parts, *[json.dumps(EVENT)] * 3)
    assert redrive.redrive(parts, console, dry_run=True, kinds=redrive.KINDS, rate=1000)
    assert visible(parts) == 3


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("body", ["{}", json.dumps(DELETION)], ids=["no document", "deletion"])
def test_message_that_is_refused_is_not_replayed_and_stays(
    parts: redrive.FailureSource, console: Console, body: str, *, dry_run: bool
):
    send(parts, body, json.dumps(EVENT))
    done = redrive.redrive(parts, console, dry_run=dry_run, kinds=redrive.KINDS, rate=1000)
    assert done == dry_run, "nothing of a dry run is left to do"
    assert "event refused, kept: message " in output(console)
    assert [each["FunctionName"] for each in parts.lambda_.invoked] == ["thumbnailer"] * (
        not dry_run
    )
    assert visible(parts) == 1 + dry_run


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("quarantine/catalog_replicator/1.json", FORGED, "table/mine/stream/"),
        (
            "quarantine/gallery_api/1.json",
            FORGED | {"function": "gallery_api"},
            "no function of the stack has the prefix quarantine/gallery_api/",
        ),
        (
            "aws/lambda/0a1b2c3d-0000-4000-8000-000000000009/1",
            {"requestContext": {"functionArn": ARN, "condition": "x"}, "payload": "{}"},
            "the stack has no event source mapping",
        ),
    ],
)
def test_object_that_is_refused_is_not_replayed_and_stays(
    parts: redrive.FailureSource, console: Console, key: str, body: Any, reason: str
):
    parts.s3.put_object(Bucket=parts.bucket, Key=key, Body=json.dumps(body).encode())
    assert not redrive.redrive(parts, console, dry_run=False, kinds=redrive.KINDS, rate=1000)
    assert f" refused, kept: {key}: " in output(console)
    assert reason in output(console)
    assert parts.lambda_.invoked == []
    assert parts.s3.get_object(Bucket=parts.bucket, Key=key)["Body"].read() == (
        json.dumps(body).encode()
    )


def test_refusals_beyond_the_first_ones_are_counted(parts: redrive.FailureSource, console: Console):
    for number in range(25):
        parts.s3.put_object(Bucket=parts.bucket, Key=f"quarantine/x/{number:02}", Body=b"{}")
    redrive.redrive(parts, console, dry_run=True, kinds={"poison"}, rate=1000)
    assert "quarantine/x/19: " in output(console)
    assert "quarantine/x/20: " not in output(console)
    assert "5 more are refused and kept." in output(console)


@pytest.mark.parametrize("whole", [False, True])
def test_table_of_80_columns_has_names_in_one_line_and_whole_reasons_on_request(
    parts: redrive.FailureSource, *, whole: bool
):
    console = Console(file=io.StringIO(), width=80)
    arn = f"arn:aws:lambda:{ACCOUNT}:function:lambda-gallery-local-ThumbnailerFunction-31A1EA6199B"
    targets = msgspec.structs.replace(
        parts.targets, thumbnailer=msgspec.structs.replace(parts.targets.thumbnailer, arn=arn)
    )
    failed = {
        "requestContext": {"functionArn": f"{arn}:live", "condition": "RetriesExhausted"},
        "responsePayload": {"errorMessage": "photos " * 30 + "ENDED"},
    }
    send(parts, json.dumps(EVENT | failed))
    source = msgspec.structs.replace(parts, targets=targets)
    redrive.redrive(source, console, dry_run=True, kinds=redrive.KINDS, rate=1000, whole=whole)
    assert "event   thumbnailer " in output(console)
    assert ("ENDED" in output(console)) == whole
    assert ("--whole prints reasons" in output(console)) == (not whole)


def test_a_reason_cannot_control_the_terminal(parts: redrive.FailureSource, console: Console):
    send(parts, json.dumps(EVENT | {"responsePayload": {"errorMessage": "\x1b[2Jgone\x07"}}))
    redrive.redrive(parts, console, dry_run=True, kinds=redrive.KINDS, rate=1000)
    assert "gone" in output(console)
    assert not set("\x1b\x07") & set(output(console))


def test_a_redrive_that_processes_nothing_shows_no_success(
    parts: redrive.FailureSource, console: Console
):
    send(parts, json.dumps(EVENT))
    failing = msgspec.structs.replace(parts, lambda_=FailingFunctions())
    assert not redrive.redrive(failing, console, dry_run=False, kinds=redrive.KINDS, rate=1000)
    assert "✗ 0 of 1 processed." in output(console)
    assert "✗ failed again, kept: event of thumbnailer: " in output(console)
    assert "✓" not in output(console)


def test_events_are_visible_after_an_error_ends_the_replay(
    parts: redrive.FailureSource, console: Console
):
    send(parts, *[json.dumps(EVENT)] * 4)
    with pytest.raises(EndpointConnectionError):
        redrive.redrive(parts, console, dry_run=False, kinds=redrive.KINDS, rate=1000)
    assert visible(parts) == 3, "one of four was processed and deleted"
