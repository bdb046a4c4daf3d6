"""Timed actions of ministack, triggered without waiting, in a process of their own."""

from tests.support.ministack_process import inside_ministack

DELETED_BY_TTL = """
    import json, threading, time
    from ministack.core.responses import request_scope
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import time_to_live

    time_to_live.install()
    create = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]["create"]
    with request_scope("000000000000", "us-east-1"):
        name, _ = create("Table", {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True},
        }, "stack")
        for id, until in (("expired", 1), ("valid", 9_999_999_999)):
            item = {"id": {"S": id}, "until": {"N": str(until)}}
            dynamodb._put_item({"TableName": name, "Item": item})
        dynamodb._delete_item({"TableName": name, "Key": {"id": {"S": "valid"}}})

    class Clock:
        waits = 0
        time = staticmethod(time.time)

        def sleep(self, seconds):
            self.waits += 1
            if self.waits == 2:
                raise SystemExit  # ends the thread

    dynamodb.time = Clock()
    reaper = threading.Thread(target=dynamodb._ttl_reaper, name="dynamodb-ttl-reaper")
    reaper.start()
    reaper.join()
    dynamodb.time = time
    with request_scope("000000000000", "us-east-1"):
        records = dynamodb.stream_live_records(name)
    print(json.dumps(records))
"""

IN_TOKYO = """
    import json, time
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo
    from ministack.services import eventbridge, scheduler
    from localcloud.ministack import scheduler as patch

    fired = []
    eventbridge._invoke_target = lambda target, event, rule, view=None: fired.append(rule["Name"])
    patch.install()
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None, microsecond=0)
    in_tokyo = f"at({now.isoformat()})"  # for UTC in nine hours
    for name, zone in (("tokyo", "Asia/Tokyo"), ("utc", "UTC"), ("unknown", "Nowhere/City")):
        scheduler._schedules[name] = {
            "Name": name,
            "State": "ENABLED",
            "ScheduleExpression": in_tokyo,
            "ScheduleExpressionTimezone": zone,
            "Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:queue"},
        }
    scheduler._tick_schedules()
    print(json.dumps(fired))
"""

SET_BACK = """
    import asyncio, json, time
    real, shift = time.time, 0.0
    time.time = lambda: real() + shift
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge, scheduler, sqs
    from localcloud.ministack import set_back_clock

    fired = []
    eventbridge._invoke_target = lambda target, event, rule, view=None: fired.append(rule["Name"])
    set_back_clock.install()

    def receive():
        request = {"QueueUrl": url, "VisibilityTimeout": 0}
        answer = asyncio.run(sqs._act_receive_message(request, url))
        return [each["Body"] for each in answer.get("Messages", [])]

    def schedule(name, expression):
        scheduler._schedules[name] = {
            "Name": name,
            "State": "ENABLED",
            "ScheduleExpression": expression,
            "CreationDate": time.time() - 3600,
            "Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:queue"},
        }

    with request_scope("000000000000", "us-east-1"):
        url = sqs._act_create_queue({"QueueName": "queue"}, "")["QueueUrl"]
        sqs._act_send_message({"QueueUrl": url, "MessageBody": "waiting"}, url)
        schedule("each minute", "rate(1 minute)")
        scheduler._tick_schedules()
        shift = -7200
        received = receive()
        scheduler._tick_schedules()
        shift += 61
        scheduler._tick_schedules()
    print(json.dumps([received, fired]))
"""


def test_deletion_by_ttl_is_in_the_stream_with_the_services_identity():
    *_, by_person, by_ttl = inside_ministack(DELETED_BY_TTL)
    assert by_person["eventName"] == by_ttl["eventName"] == "REMOVE"
    assert "userIdentity" not in by_person
    assert by_ttl["userIdentity"] == {
        "Type": "Service",
        "PrincipalId": "dynamodb.amazonaws.com",
    }
    assert by_ttl["dynamodb"]["Keys"] == {"id": {"S": "expired"}}
    assert by_ttl["dynamodb"]["OldImage"]["until"] == {"N": "1"}


def test_schedule_fires_by_the_clocks_of_its_zone():
    assert inside_ministack(IN_TOKYO) == ["tokyo"]


def test_messages_and_schedules_do_not_wait_for_the_time_by_which_the_clock_was_set_back():
    assert inside_ministack(SET_BACK) == [["waiting"], ["each minute", "each minute"]]
