"""`durable-function`: waits, retries, and kills of its process at every kind of point."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from localcloud.running_application import RunningApplication
from tests.support import laptop_clouds
from tests.support.repository import ROOT
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow
EXAMPLE: Final = ROOT / "examples" / "durable-function"
SALES: Final = (("ann", 250), ("bob", 100), ("ann", 50), ("cid", 75))
EARNED: Final = {"ann": 300, "bob": 100, "cid": 75}

# Once POINTS exists, a process ends at the first point that none before it has reached.
KILLING: Final = """
import os
import signal
from pathlib import Path

import ledger
from aws_durable_execution_sdk_python.lambda_service import LambdaClient
from royalties import handler as handler

POINTS = Path({points!r})


def reached(point):
    if POINTS.exists() and not (POINTS / point).exists():
        (POINTS / point).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def killing(function, name):
    def killed(*arguments, **named):
        reached(f"before {{name}}")
        result = function(*arguments, **named)
        reached(f"after {{name}}")
        return result
    return killed


LambdaClient.checkpoint = killing(LambdaClient.checkpoint, "a checkpoint")
ledger.pay = killing(ledger.pay, "a payment")
ledger.close = killing(ledger.close, "the close")
"""


class Royalties:
    """The deployed application."""

    def __init__(self, application: RunningApplication) -> None:
        self.application = application
        self._lambda = application.cloud.client("lambda")
        self._dynamodb = application.cloud.client("dynamodb")
        self._table = application.outputs["Royalties"]

    def sell(self, period: str) -> None:
        for number, (author, cents) in enumerate(SALES):
            item = {"author": {"S": author}, "cents": {"N": str(cents)}}
            key = {"group": {"S": period}, "item": {"S": f"sale#{number}"}}
            self._dynamodb.put_item(TableName=self._table, Item=key | item)

    def start(self, period: str, name: str = "first") -> str:
        answer = self._lambda.invoke(
            FunctionName=self.application.outputs["Function"],
            InvocationType="Event",
            DurableExecutionName=f"royalties-{period}-{name}",
            Payload=json.dumps({"period": period}),
        )
        assert answer["StatusCode"] == 202
        return answer["DurableExecutionArn"]

    def ended(self, arn: str) -> dict[str, Any]:
        def execution() -> dict[str, Any] | None:
            found = self._lambda.get_durable_execution(DurableExecutionArn=arn)
            return None if found["Status"] == "RUNNING" else found

        return awaited(execution, 280)  # eight processes start one after the other under the kills

    def events(self, arn: str, kind: str) -> list[dict[str, Any]]:
        pages = self._lambda.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn
        )
        return [event for page in pages for event in page["Events"] if event["EventType"] == kind]

    @contextlib.contextmanager
    def without(self, policy: str) -> Iterator[None]:
        """Take a policy from the function's role, and give it back."""
        iam = self.application.cloud.client("iam")
        role = self.application.stack.of_type("AWS::IAM::Role")["PayRoyaltiesRole"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
        try:
            yield
        finally:
            text = json.dumps(document)
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text)

    def rows(self, group: str) -> dict[str, int]:
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="#group = :group",
            ExpressionAttributeNames={"#group": "group"},
            ExpressionAttributeValues={":group": {"S": group}},
        )["Items"]
        return {item["item"]["S"]: int(item.get("cents", {"N": "0"})["N"]) for item in found}


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills") / "points"


@pytest.fixture(scope="module")
def royalties(tmp_path_factory: pytest.TempPathFactory, points: Path) -> Iterator[Royalties]:
    """A copy, whose handler can end its process."""
    copy = tmp_path_factory.mktemp("copy") / "durable-function"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".aws-sam", "tests"))
    template = (copy / "template.yaml").read_text()
    (copy / "template.yaml").write_text(template.replace("royalties.handler", "killing.handler"))
    (copy / "src" / "killing.py").write_text(KILLING.format(points=str(points)))
    with laptop_clouds.running(
        copy / "template.yaml", parameters={"ObjectionSeconds": "1"}
    ) as application:
        yield Royalties(application)


def test_authors_are_paid_and_the_period_is_closed_after_the_wait(royalties: Royalties):
    royalties.sell("2026-10")
    arn = royalties.start("2026-10")
    ended = royalties.ended(arn)
    assert ended["Status"] == "SUCCEEDED"
    assert json.loads(ended["Result"]) == {"period": "2026-10", "authors": 3, "cents": 475}
    assert "2026-10" in royalties.rows("closed")
    assert [event["Name"] for event in royalties.events(arn, "WaitSucceeded")] == ["objections"]
    assert len(royalties.events(arn, "InvocationCompleted")) == 2
    assert royalties.start("2026-10") == arn, "the same name is the same execution"


def test_failed_step_is_tried_again_and_a_failed_execution_can_be_started_again(
    royalties: Royalties,
):
    royalties.sell("2026-11")
    before = royalties.rows("balances")
    with royalties.without("PayRoyalties"):
        arn = royalties.start("2026-11")
        ended = royalties.ended(arn)
    assert ended["Status"] == "FAILED"
    assert ended["Error"]["ErrorType"].endswith("StepError")
    assert len(royalties.events(arn, "InvocationCompleted")) == 3, "one per attempt of the step"
    again = royalties.ended(royalties.start("2026-11", "again"))
    assert again["Status"] == "SUCCEEDED"
    paid = royalties.rows("balances")
    assert paid == {author: before.get(author, 0) + cents for author, cents in EARNED.items()}


def test_function_may_write_checkpoints_only_with_the_permission(royalties: Royalties):
    royalties.sell("2026-12")
    with royalties.without("Checkpoint"):
        ended = royalties.ended(royalties.start("2026-12"))
    assert ended["Status"] == "FAILED"
    assert "CheckpointDurableExecution" in ended["Error"]["ErrorMessage"]


def test_no_payment_is_lost_or_made_twice_when_the_process_is_killed(
    royalties: Royalties, points: Path
):
    royalties.sell("2027-01")
    before = royalties.rows("balances")
    points.mkdir()
    arn = royalties.start("2027-01")
    assert royalties.ended(arn)["Status"] == "SUCCEEDED"
    assert {point.name for point in points.iterdir()} == {
        f"{when} {what}"
        for when in ("before", "after")
        for what in ("a checkpoint", "a payment", "the close")
    }
    invocations = royalties.events(arn, "InvocationCompleted")
    assert len([each for each in invocations if "Error" in each["InvocationCompletedDetails"]]) == 6
    paid = royalties.rows("balances")
    assert paid == {author: before.get(author, 0) + cents for author, cents in EARNED.items()}
    assert "2027-01" in royalties.rows("closed")
