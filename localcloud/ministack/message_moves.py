"""Moves dead letters back to their queues, as SQS does; runs inside ministack's process.

ministack has no message move tasks. Here a task has ended when StartMessageMoveTask returns.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

_NO_SOURCE: Final = "CouldNotDetermineMessageSource"
_SOURCE_IS_GONE: Final = "AWS.SimpleQueueService.NonExistentQueue"

type Message = dict[str, Any]
type Queue = dict[str, Any]
type Request = Mapping[str, Any]


def install() -> None:
    """Add StartMessageMoveTask and ListMessageMoveTasks to ministack's SQS."""
    from ministack.services import sqs  # noqa: PLC0415 - not in the development environment

    moves = _MessageMoves(sqs)
    sqs._HANDLERS["StartMessageMoveTask"] = moves.start  # noqa: SLF001
    sqs._HANDLERS["ListMessageMoveTasks"] = moves.ended  # noqa: SLF001


class _MessageMoves:
    """The tasks of this process."""

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs
        self._tasks: list[dict[str, Any]] = []

    def start(self, request: Request, _queue_url: str) -> dict[str, str]:
        """Move the visible messages of a dead-letter queue, oldest first."""
        source = self._queue(request["SourceArn"])
        if not self._is_dead_letter_queue(request["SourceArn"]):
            raise self._refusal("The source queue must be the dead-letter queue of another queue.")
        named = request.get("DestinationArn")
        destination = self._queue(named) if named else None
        if destination and destination["is_fifo"] != source["is_fifo"]:
            raise self._refusal("Source and destination must be queues of the same type.")
        self._sqs._expire_retained(source)  # noqa: SLF001
        waiting = [each for each in source["messages"] if each["visible_at"] <= time.time()]
        moved, failure = 0, None
        for message in waiting:
            origin = message["sys"].get("DeadLetterQueueSourceArn")
            target = destination or (self._sqs._queue_by_arn(origin) if origin else None)  # noqa: SLF001
            if target is None:
                failure = _SOURCE_IS_GONE if origin else _NO_SOURCE
                break
            self._sqs._act_send_message(_as_new(message), target["url"])  # noqa: SLF001
            source["messages"].remove(message)
            moved += 1
        task = {
            "Status": "FAILED" if failure else "COMPLETED",
            "SourceArn": request["SourceArn"],
            "DestinationArn": named,
            "FailureReason": failure,
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": len(waiting),
            "StartedTimestamp": int(time.time() * 1000),
        }
        self._tasks.insert(0, {name: value for name, value in task.items() if value is not None})
        return {"TaskHandle": str(uuid.uuid4())}

    def ended(self, request: Request, _queue_url: str) -> dict[str, Any]:
        """The tasks of a dead-letter queue, newest first."""
        self._queue(request["SourceArn"])
        tasks = [task for task in self._tasks if task["SourceArn"] == request["SourceArn"]]
        return {"Results": tasks[: int(request.get("MaxResults", 1))]}

    def _queue(self, arn: str) -> Queue:
        found: Queue | None = self._sqs._queue_by_arn(arn)  # noqa: SLF001
        if found is None:
            raise self._sqs._Err("ResourceNotFoundException", f"There is no queue {arn}.", 404)  # noqa: SLF001
        return found

    def _is_dead_letter_queue(self, arn: str) -> bool:
        policies = (
            json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
            for queue in self._sqs._queues.values()  # noqa: SLF001
        )
        return any(policy.get("deadLetterTargetArn") == arn for policy in policies)

    def _refusal(self, message: str) -> Exception:
        error: Exception = self._sqs._Err("InvalidParameterValue", message)  # noqa: SLF001
        return error


def _as_new(message: Message) -> Message:
    """The request that sends a dead letter again.

    Its deduplication ID is the former message ID, as on AWS: with the former deduplication ID, the
    queue that it came from would drop it as a duplicate.
    """
    trace = message["sys"].get("AWSTraceHeader")
    return {
        "MessageBody": message["body"],
        "MessageAttributes": message["message_attributes"],
        "MessageSystemAttributes": {"AWSTraceHeader": {"StringValue": trace}} if trace else {},
        "MessageGroupId": message["group_id"],
        "MessageDeduplicationId": message["id"],
    }
