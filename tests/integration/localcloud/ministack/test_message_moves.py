"""Message move tasks of SQS, in ministack's functions."""

from typing import Any

import pytest

from tests.support.ministack_process import answer_in_account

HELPERS = """
import asyncio
from ministack.services import sqs
from localcloud.ministack import message_moves

message_moves.install()

def call(action, **request):
    try:
        return asyncio.run(sqs._dispatch(action, request, ""))
    except sqs._Err as error:
        return {"error": error.code}

def queue(name, dead_letters=None):
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    if dead_letters:
        policy = {"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": 1}
        attributes["RedrivePolicy"] = json.dumps(policy)
    return call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]

def arn(name):
    return f"arn:aws:sqs:us-east-1:000000000000:{name}"

def receive(url, **request):
    found = call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"],
        MessageAttributeNames=["All"], **request)
    return found.get("Messages", [])

def fail(url):
    receive(url, VisibilityTimeout=0)
    receive(url)  # sweeps to the dead-letter queue
"""


def answer_of(program: str) -> Any:
    return answer_in_account(HELPERS, program)


def test_dead_letters_are_new_messages_of_the_queue_that_they_came_from():
    sent, [received], left, [task] = answer_of("""
        dead = queue("dead")
        tasks = queue("tasks", "dead")
        one = {"note": {"DataType": "String", "StringValue": "n"}}
        sent = call("SendMessage", QueueUrl=tasks, MessageBody="a", MessageAttributes=one)
        fail(tasks)
        call("StartMessageMoveTask", SourceArn=arn("dead"))
        ended = call("ListMessageMoveTasks", SourceArn=arn("dead"))["Results"]
        answer = (sent, receive(tasks), receive(dead), ended)
    """)
    assert received["Body"] == "a"
    assert received["MessageAttributes"]["note"]["StringValue"] == "n"
    assert received["MessageId"] != sent["MessageId"]
    assert received["Attributes"]["ApproximateReceiveCount"] == "1"
    assert left == []
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)


def test_dead_letters_of_a_group_keep_their_order_and_are_no_duplicates():
    received = answer_of("""
        dead = queue("dead.fifo")
        tasks = queue("tasks.fifo", "dead.fifo")
        for body in "abc":
            ids = {"MessageGroupId": "group", "MessageDeduplicationId": body}
            call("SendMessage", QueueUrl=tasks, MessageBody=body, **ids)
        fail(tasks)
        call("StartMessageMoveTask", SourceArn=arn("dead.fifo"))
        answer = receive(tasks)
    """)
    assert [message["Body"] for message in received] == ["a", "b", "c"]


def test_dead_letters_can_be_moved_to_another_queue():
    received = answer_of("""
        dead = queue("dead")
        tasks = queue("tasks", "dead")
        other = queue("other")
        call("SendMessage", QueueUrl=tasks, MessageBody="a")
        fail(tasks)
        call("StartMessageMoveTask", SourceArn=arn("dead"), DestinationArn=arn("other"))
        answer = receive(other)
    """)
    assert [message["Body"] for message in received] == ["a"]


def test_message_that_no_queue_has_rejected_ends_the_task():
    [task], left = answer_of("""
        dead = queue("dead")
        tasks = queue("tasks", "dead")
        call("SendMessage", QueueUrl=dead, MessageBody="sent to the dead-letter queue itself")
        call("StartMessageMoveTask", SourceArn=arn("dead"))
        answer = (call("ListMessageMoveTasks", SourceArn=arn("dead"))["Results"], receive(dead))
    """)
    assert task["Status"] == "FAILED"
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    assert len(left) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("SourceArn=arn('tasks')", "InvalidParameterValue"),
        ("SourceArn=arn('none')", "ResourceNotFoundException"),
        ("SourceArn=arn('dead'), DestinationArn=arn('other.fifo')", "InvalidParameterValue"),
    ],
)
def test_only_dead_letter_queues_are_moved_and_only_to_their_type(arguments: str, code: str):
    answer = answer_of(f"""
        dead = queue("dead")
        tasks = queue("tasks", "dead")
        other = queue("other.fifo")
        answer = call("StartMessageMoveTask", {arguments})
    """)
    assert answer == {"error": code}
