"""Messages of an SQS queue in the form that Lambda sends them, and the queue itself."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from localcloud.cloud import Cloud
from localcloud.event_sources.mappings import MAX_OF_ONE_RECEIVE, EventSourceMapping
from localcloud.event_sources.records import SourceError
from localcloud.event_sources.role_clients import RoleClients

_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Message:
    """A message that was received, ready to be sent."""

    message_id: str
    receipt_handle: str
    body: str  # its JSON in the event
    size: int = field(init=False, repr=False, compare=False)  # bytes of that JSON

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.body.encode()))


@dataclass(frozen=True)
class Received:
    """The result of one ReceiveMessage."""

    messages: Sequence[Message]
    visibility_timeout: float  # seconds until the queue delivers them again
    is_empty: bool = False  # the queue has no message, and none that is invisible or delayed


class Queue(Protocol):
    """One queue. Every method may raise SourceError."""

    def receive(self, limit: int) -> Received:
        """At most `limit` messages, and at most 10."""

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were received."""


def message(mapping: EventSourceMapping, answer: Mapping[str, Any]) -> Message:
    """As in https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html.

    `answer` is a message of ReceiveMessage, as boto3 returns it.
    """
    attributes = answer.get("MessageAttributes") or {}
    body: dict[str, Any] = {
        "messageId": answer["MessageId"],
        "receiptHandle": answer["ReceiptHandle"],
        "body": answer["Body"],
        "attributes": answer.get("Attributes") or {},
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": answer["MD5OfBody"],
    }
    if attributes:
        body["md5OfMessageAttributes"] = answer["MD5OfMessageAttributes"]
    elif mapping.window_seconds:  # recorded on AWS: null with a window, left out without one
        body["md5OfMessageAttributes"] = None
    body |= {
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.source_arn,
        "awsRegion": mapping.region,
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Message(answer["MessageId"], answer["ReceiptHandle"], text)


class SqsQueue:
    """A queue, read and emptied through its API under the function's role."""

    def __init__(self, mapping: EventSourceMapping, clients: RoleClients, cloud: Cloud) -> None:
        self._mapping = mapping
        self._clients = clients
        account, name = mapping.source_arn.split(":")[4:6]
        # Composed here: GetQueueUrl would need a permission that the role does not need on AWS.
        self._url = f"{cloud.endpoint}/{account}/{name}"
        self._visibility_timeout = 0.0

    def receive(self, limit: int) -> Received:
        with self._clients.calling("sqs", SourceError) as client:
            answer = client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(limit, MAX_OF_ONE_RECEIVE),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            messages = [message(self._mapping, each) for each in answer.get("Messages", [])]
            is_empty = False
            if not messages or not self._visibility_timeout:
                is_empty = self._read_attributes(client) == 0 and not messages
        return Received(messages, self._visibility_timeout, is_empty)

    def delete(self, messages: Sequence[Message]) -> None:
        with self._clients.calling("sqs", SourceError) as client:
            for start in range(0, len(messages), MAX_OF_ONE_RECEIVE):
                part = messages[start : start + MAX_OF_ONE_RECEIVE]
                answer = client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(place), "ReceiptHandle": each.receipt_handle}
                        for place, each in enumerate(part)
                    ],
                )
                if failed := answer.get("Failed"):
                    raise SourceError(f"{len(failed)} messages were not deleted: {failed[0]}")

    def _read_attributes(self, client: Any) -> int:
        """How many messages the queue has; remembers its visibility timeout."""
        attributes = client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=[*_COUNTS, "VisibilityTimeout"]
        )["Attributes"]
        self._visibility_timeout = float(attributes["VisibilityTimeout"])
        return sum(int(attributes[name]) for name in _COUNTS)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """A message attribute; AWS adds the two lists, which are always empty."""
    attribute: dict[str, Any] = {}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    attribute |= {"stringListValues": [], "binaryListValues": []}
    return attribute | {"dataType": value["DataType"]}
