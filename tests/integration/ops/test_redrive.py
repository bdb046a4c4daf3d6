"""What `make redrive` receives from the failed-events queue and does not process stays visible."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from ops import redrive
from tests.support.moto_stack import REGION, MotoStack

ARN = f"arn:aws:lambda:{REGION}:123456789012:function:thumbnailer:live"
EVENT = {
    "requestContext": {"functionArn": ARN, "condition": "RetriesExhausted"},
    "requestPayload": {"Records": [{"eventSource": "aws:s3"}]},
    "responsePayload": {"errorMessage": "the disk is full"},
}


class Functions:
    """Lambda, as far as redrive asks for it: the first call succeeds, all others fail."""

    def __init__(self) -> None:
        self.invoked = 0

    def invoke(self, **_: object) -> dict[str, Any]:
        self.invoked += 1
        if self.invoked > 1:
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
        functions={folder: folder for folder in redrive.FOLDERS},
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
    assert "No batch waits" in output(console), "nothing is said of other kinds"
    assert visible(parts) == 1


def test_events_are_visible_after_a_dry_run(parts: redrive.FailureSource, console: Console):
    send(parts, *[json.dumps(EVENT)] * 3)
    assert redrive.redrive(parts, console, dry_run=True, kinds=redrive.KINDS, rate=1000)
    assert visible(parts) == 3


@pytest.mark.parametrize("dry_run", [True, False])
def test_message_of_unknown_form_is_visible_afterwards(
    parts: redrive.FailureSource, console: Console, *, dry_run: bool
):
    send(parts, "{}")
    assert redrive.redrive(parts, console, dry_run=dry_run, kinds=redrive.KINDS, rate=1000)
    assert "it stays" in output(console)
    assert visible(parts) == 1


def test_events_are_visible_after_an_error_ends_the_replay(
    parts: redrive.FailureSource, console: Console
):
    send(parts, *[json.dumps(EVENT)] * 4)
    with pytest.raises(EndpointConnectionError):
        redrive.redrive(parts, console, dry_run=False, kinds=redrive.KINDS, rate=1000)
    assert visible(parts) == 3, "one of four was processed and deleted"
