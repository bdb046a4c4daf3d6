"""Dead letters of subscriptions and of rules, in ministack's functions."""

from typing import Any

from tests.support.ministack_process import answer_in_account

HELPERS = """
import os
os.environ["AUTH"] = "true"  # services are refused what no policy allows
from ministack.services import eventbridge, sns, sqs
from localcloud.ministack import rule_targets, subscriptions

subscriptions.install()
rule_targets.install()

def arn(service, name):
    return f"arn:aws:{service}:us-east-1:000000000000:{name}"

def queue(name, service=None):
    policy = {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*",
        "Principal": {"Service": service}}]}
    attributes = {"Policy": json.dumps(policy)} if service else {}
    return sqs._act_create_queue({"QueueName": name, "Attributes": attributes}, "")["QueueUrl"]

def messages(url):
    return [message["body"] for message in sqs._queues[url]["messages"]]

def publish(endpoint, **attributes):
    topic = arn("sns", "topic")
    attributes = {"RawMessageDelivery": "true", **attributes}
    subscription = {"arn": topic + ":1", "protocol": "sqs", "endpoint": arn("sqs", endpoint),
        "confirmed": True, "attributes": attributes}
    sns._topics[topic] = {"arn": topic, "attributes": {}, "subscriptions": [subscription]}
    sns._fanout(topic, "id", "text", "")

def dead_letters(name):
    return json.dumps({"deadLetterTargetArn": arn("sqs", name)})

def send_event(**target):
    rule = {"Name": "rule", "Arn": arn("events", "rule/rule"), "EventPattern": "{}"}
    event = {"Source": "shop", "DetailType": "sold", "Detail": '{"a": 1}', "Time": 0}
    target = {"Id": "id", "Arn": arn("lambda", "function:gone"), **target}
    eventbridge._invoke_target(target, event, rule)
"""


def answer_of(program: str) -> Any:
    return answer_in_account(HELPERS, program)


def test_message_that_the_subscribed_queue_does_not_allow_reaches_the_dead_letter_queue():
    assert answer_of("""
        tasks, dead = queue("tasks"), queue("dead", "sns.amazonaws.com")
        publish("tasks", RedrivePolicy=dead_letters("dead"))
        answer = messages(tasks), messages(dead)
    """) == [[], ["text"]]


def test_message_for_a_queue_that_does_not_exist_reaches_the_dead_letter_queue():
    assert answer_of("""
        dead = queue("dead", "sns.amazonaws.com")
        publish("gone", RedrivePolicy=dead_letters("dead"))
        answer = messages(dead)
    """) == ["text"]


def test_message_is_lost_without_a_dead_letter_queue_that_allows_the_topic():
    assert answer_of("""
        tasks, dead = queue("tasks"), queue("dead")
        publish("tasks", RedrivePolicy=dead_letters("dead"))
        publish("tasks")
        answer = messages(tasks), messages(dead)
    """) == [[], []]


def test_message_that_is_delivered_is_no_dead_letter():
    assert answer_of("""
        tasks, dead = queue("tasks", "sns.amazonaws.com"), queue("dead", "sns.amazonaws.com")
        publish("tasks", RedrivePolicy=dead_letters("dead"))
        answer = messages(tasks), messages(dead)
    """) == [["text"], []]


def test_event_for_a_function_that_does_not_exist_reaches_the_dead_letter_queue_of_the_target():
    [message] = answer_of("""
        dead = queue("dead", "events.amazonaws.com")
        send_event(DeadLetterConfig={"Arn": arn("sqs", "dead")})
        answer = sqs._queues[dead]["messages"]
    """)
    assert '"a": 1' in message["body"]
    attributes = {name: each["StringValue"] for name, each in message["message_attributes"].items()}
    assert attributes["RULE_ARN"] == "arn:aws:events:us-east-1:000000000000:rule/rule"
    assert attributes["TARGET_ARN"] == "arn:aws:lambda:us-east-1:000000000000:function:gone"


def test_event_is_lost_without_a_dead_letter_queue_that_allows_the_rule():
    assert (
        answer_of("""
        dead = queue("dead")
        send_event(DeadLetterConfig={"Arn": arn("sqs", "dead")})
        send_event()
        answer = messages(dead)
    """)
        == []
    )
