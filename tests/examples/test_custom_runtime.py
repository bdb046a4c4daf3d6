"""A function in Bash: counts a log, reports its failures, and works on after them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import invocation
from localcloud.running_application import RunningApplication
from tests.examples.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow

LINE = b'127.0.0.1 - - [29/Nov/2026:06:00:00 +0000] "GET / HTTP/1.1" %d 120\n'


@pytest.fixture(scope="module")
def logs() -> Iterator[RunningApplication]:
    with running("custom-runtime") as application:
        yield application


def counts(logs: RunningApplication, key: str) -> object:
    s3 = logs.cloud.client("s3")
    try:
        answer = s3.get_object(Bucket=logs.outputs["Counts"], Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return json.loads(answer["Body"].read())


def test_uploaded_log_is_counted_by_status(logs: RunningApplication):
    body = LINE % 200 + LINE % 404 + LINE % 200
    s3 = logs.cloud.client("s3")
    s3.put_object(Bucket=logs.outputs["Logs"], Key="www/a day.log", Body=body)
    assert awaited(lambda: counts(logs, "www/a day.log.json")) == {"200": 2, "404": 1}


def test_log_that_cannot_be_read_is_kept_and_counted_after_the_change(logs: RunningApplication):
    function = logs.stack.function_name("CountRequestsFunction")
    bucket, key = logs.outputs["Logs"], "late.log"
    event = json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
    logs.cloud.client("lambda").invoke(
        FunctionName=function, InvocationType="Event", Payload=event.encode()
    )

    def failed() -> dict[str, Any] | None:
        received = logs.cloud.client("sqs").receive_message(
            QueueUrl=logs.outputs["FailedLogs"], WaitTimeSeconds=1
        )
        bodies = [json.loads(each["Body"]) for each in received.get("Messages", [])]
        return bodies[0] if bodies else None

    failure = awaited(failed)
    assert failure["requestContext"]["approximateInvokeCount"] == 3
    assert failure["responsePayload"]["errorType"] == "Function.Failed"
    assert counts(logs, f"{key}.json") is None
    logs.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=LINE % 503)
    again = json.dumps(failure["requestPayload"]).encode()
    result = invocation.invoke(logs.cloud, function, again)
    assert (json.loads(result.payload), result.function_error) == ({"503": 1}, "")
    assert counts(logs, f"{key}.json") == {"503": 1}
