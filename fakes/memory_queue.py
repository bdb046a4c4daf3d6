"""An SQS queue in memory, with visibility timeouts, a dead-letter queue and message groups."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.queues import Message, Received, message
from localcloud.event_sources.records import SourceError


@dataclass
class StoredMessage:
    number: int
    body: str
    group: str | None
    attributes: dict[str, Any]
    visible_at: float = 0
    receives: int = 0

    @property
    def message_id(self) -> str:
        return f"message-{self.number}"

    @property
    def receipt_handle(self) -> str:
        return f"receipt-{self.number}-{self.receives}"


class MemoryQueue:
    """A `Queue`; `dead` has the bodies of the messages in its dead-letter queue."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        clock: Callable[[], float],
        visibility_timeout: float = 30,
        maximum_receives: int = 0,
    ) -> None:
        self.mapping = mapping
        self.clock = clock
        self.visibility_timeout = visibility_timeout
        self.maximum_receives = maximum_receives
        self.stored: list[StoredMessage] = []
        self.dead: list[str] = []
        self.failing: str | None = None  # the error of every call, if any
        self._sent = 0

    def send(self, body: str, group: str | None = None, **attributes: Any) -> str:
        """Returns the message's ID; `attributes` are its message attributes."""
        stored = StoredMessage(self._sent, body, group, attributes)
        self._sent += 1
        self.stored.append(stored)
        return stored.message_id

    def receive(self, limit: int) -> Received:
        self._raise_if_failing()
        now = self.clock()
        self._move_to_the_dead_letter_queue(now)
        locked = {each.group for each in self.stored if each.group and each.visible_at > now}
        found = [e for e in self.stored if e.visible_at <= now and e.group not in locked]
        received = found[: min(limit, 10)]
        for each in received:
            each.receives += 1
            each.visible_at = now + self.visibility_timeout
        messages = [message(self.mapping, self._answer(each)) for each in received]
        return Received(messages, self.visibility_timeout, is_empty=not self.stored)

    def delete(self, messages: Sequence[Message]) -> None:
        self._raise_if_failing()
        handles = {each.receipt_handle for each in messages}
        self.stored = [each for each in self.stored if each.receipt_handle not in handles]

    def _move_to_the_dead_letter_queue(self, now: float) -> None:
        for each in list(self.stored):
            if 0 < self.maximum_receives <= each.receives and each.visible_at <= now:
                self.stored.remove(each)
                self.dead.append(each.body)

    def _answer(self, stored: StoredMessage) -> dict[str, Any]:
        """The message as ReceiveMessage returns it."""
        attributes = {
            "ApproximateReceiveCount": str(stored.receives),
            "SentTimestamp": "1800000000000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1800000000001",
        }
        if stored.group:
            attributes |= {
                "SequenceNumber": f"{stored.number:020d}",
                "MessageGroupId": stored.group,
                "MessageDeduplicationId": f"dedup-{stored.number}",
            }
        answer: dict[str, Any] = {
            "MessageId": stored.message_id,
            "ReceiptHandle": stored.receipt_handle,
            "MD5OfBody": hashlib.md5(stored.body.encode(), usedforsecurity=False).hexdigest(),
            "Body": stored.body,
            "Attributes": attributes,
        }
        if stored.attributes:
            text = json.dumps(stored.attributes, sort_keys=True, default=str).encode()
            md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
            answer |= {"MessageAttributes": stored.attributes, "MD5OfMessageAttributes": md5}
        return answer

    def _raise_if_failing(self) -> None:
        if self.failing:
            raise SourceError(self.failing)
