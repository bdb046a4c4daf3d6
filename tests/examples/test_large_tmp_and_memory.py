"""A file that needs more than 512 MB of /tmp is sorted; one that needs more than /tmp has waits."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import invocation
from localcloud.running_application import RunningApplication
from tests.examples.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow

LINE = b"%06d,2026-11-29T06:00," + b"7" * 1_000 + b"\n"


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningApplication]:
    with running("large-tmp-and-memory") as application:
        yield application


def upload(meters: RunningApplication, key: str, lines: range) -> None:
    meters.cloud.client("s3").put_object(
        Bucket=meters.outputs["Readings"], Key=key, Body=b"".join(LINE % each for each in lines)
    )


def sorted_lines(meters: RunningApplication, key: str) -> list[bytes] | None:
    s3 = meters.cloud.client("s3")
    try:
        answer = s3.get_object(Bucket=meters.outputs["Sorted"], Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return list(answer["Body"].iter_lines(2**20))


def test_file_that_needs_more_than_512_mb_of_tmp_is_sorted(meters: RunningApplication):
    upload(meters, "a day.csv", range(270_000, 0, -1))  # twice 277 MB
    lines = awaited(lambda: sorted_lines(meters, "a day.csv"))
    assert [int(each[:6]) for each in lines] == list(range(1, 270_001))


def test_file_that_needs_more_than_tmp_has_is_kept_and_sorted_after_the_change(
    meters: RunningApplication,
):
    function = meters.stack.function_name("SortFunction")
    client, sqs = meters.cloud.client("lambda"), meters.cloud.client("sqs")
    variables = client.get_function_configuration(FunctionName=function)["Environment"]
    small = {"Variables": {**variables["Variables"], "TMP_MEGABYTES": "1"}}
    client.update_function_configuration(FunctionName=function, Environment=small)
    upload(meters, "large.csv", range(600, 0, -1))

    def failed() -> dict[str, Any] | None:
        received = sqs.receive_message(QueueUrl=meters.outputs["FailedFiles"], WaitTimeSeconds=1)
        bodies = [json.loads(each["Body"]) for each in received.get("Messages", [])]
        return bodies[0] if bodies else None

    failure = awaited(failed)
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert "Raise TmpMegabytes" in failure["responsePayload"]["errorMessage"]
    assert sorted_lines(meters, "large.csv") is None
    client.update_function_configuration(FunctionName=function, Environment=variables)
    again = json.dumps(failure["requestPayload"]).encode()
    assert invocation.invoke(meters.cloud, function, again).function_error == ""
    lines = awaited(lambda: sorted_lines(meters, "large.csv"))
    assert [int(each[:6]) for each in lines] == list(range(1, 601))
