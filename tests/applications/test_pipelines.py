"""S3 with SQS, streams of a table and of Kinesis, a rule with a state machine, and a schedule."""

import json

import pytest

from tests.applications.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


def test_invoices_of_a_file_are_booked_one_by_one():
    with running("invoices") as invoices:
        s3, sqs = invoices.cloud.client("s3"), invoices.cloud.client("sqs")
        rows = b"number,amount\n1,9.99\n2,twelve\n3,12\n"
        s3.put_object(Bucket=invoices.outputs["Inbox"], Key="may 2026.csv", Body=rows)
        s3.put_object(Bucket=invoices.outputs["Inbox"], Key="may.txt", Body=b"not an invoice")

        def archived() -> list[str]:
            found = s3.list_objects_v2(Bucket=invoices.outputs["Archive"]).get("Contents", [])
            return [each["Key"] for each in found]

        awaited(lambda: len(archived()) == 2)
        assert archived() == ["1.json", "3.json"]
        booked = s3.get_object(Bucket=invoices.outputs["Archive"], Key="1.json")
        assert json.loads(booked["Body"].read())["cents"] == 999
        queue = invoices.outputs["FailedInvoices"]
        [failed] = awaited(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
        assert json.loads(failed["Body"]) == {"number": "2", "amount": "twelve"}


def test_change_of_a_table_is_audited_through_a_stream():
    with running("audit") as audit:
        dynamodb = audit.cloud.client("dynamodb")
        accounts = audit.outputs["Accounts"]
        dynamodb.put_item(TableName=accounts, Item={"account": {"S": "a"}, "sum": {"N": "1"}})
        dynamodb.put_item(TableName=accounts, Item={"account": {"S": "a"}, "sum": {"N": "2"}})
        dynamodb.delete_item(TableName=accounts, Key={"account": {"S": "a"}})
        audit.event_sources.await_drained(120)
        rows = dynamodb.scan(TableName=audit.outputs["Audit"])["Items"]
        assert sorted(row["kind"]["S"] for row in rows) == ["INSERT", "MODIFY", "REMOVE"]


def test_rule_starts_the_state_machine_and_the_schedule_its_function():
    with running("reminders") as reminders:
        s3, events = reminders.cloud.client("s3"), reminders.cloud.client("events")
        for name, plan in (("ann", "premium"), ("bob", "basic")):
            events.put_events(
                Entries=[
                    {
                        "EventBusName": reminders.outputs["Bus"],
                        "Source": "sign-up",
                        "DetailType": "signed up",
                        "Detail": json.dumps({"name": name, "plan": plan}),
                    }
                ]
            )

        def written(prefix: str) -> list[str]:
            found = s3.list_objects_v2(Bucket=reminders.outputs["Bucket"], Prefix=prefix)
            return [each["Key"] for each in found.get("Contents", [])]

        awaited(lambda: written("sign-ups/"))
        assert awaited(lambda: written("ticks/")) == ["ticks/minutely.json"]
        assert written("sign-ups/") == ["sign-ups/ann.json"]
