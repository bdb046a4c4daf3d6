"""The runtime speaks Lambda's Runtime API, and the function counts the requests of a log."""

import json
from pathlib import Path

from conftest import Bootstrap, FakeAws

EVENT = (Path(__file__).parents[1] / "events" / "log_uploaded.json").read_bytes()
LOG = b"""127.0.0.1 - - [29/Nov/2026:06:00:00 +0000] "GET / HTTP/1.1" 200 120
127.0.0.1 - ann [29/Nov/2026:06:00:01 +0000] "GET /a\\"b HTTP/1.1" 404 0 "-" "curl/8"
not a request
127.0.0.1 - - [29/Nov/2026:06:00:02 +0000] "GET / HTTP/1.1" 200 120"""


def test_requests_are_counted_by_status(aws: FakeAws, bootstrap: Bootstrap) -> None:
    aws.objects["/logs/2026-11-29%20www.log"] = LOG
    process = bootstrap.start()
    aws.events.put(EVENT)
    path, error, body = aws.report()
    assert (path, error) == ("invocation/r-1/response", None)
    expected = {"200": 2, "404": 1, "unreadable": 1}
    assert json.loads(body) == expected
    assert json.loads(aws.objects["/counts/2026-11-29%20www.log.json"]) == expected
    assert all(each and each.startswith("AWS4-HMAC-SHA256") for each in aws.authorizations)
    assert process.stdout
    line = json.loads(process.stdout.readline())
    assert line == {"level": "INFO", "message": "counted", "key": "2026-11-29%20www.log"}


def test_failure_is_reported_and_the_next_event_is_handled(
    aws: FakeAws, bootstrap: Bootstrap
) -> None:
    bootstrap.start()
    aws.events.put(EVENT)
    path, error, body = aws.report()
    assert (path, error) == ("invocation/r-1/error", "Function.Failed")
    assert "returned error: 404" in json.loads(body)["errorMessage"]
    aws.objects["/logs/2026-11-29%20www.log"] = b""
    aws.events.put(EVENT)
    assert aws.report()[0] == "invocation/r-1/response"


def test_event_of_another_kind_is_refused(aws: FakeAws, bootstrap: Bootstrap) -> None:
    bootstrap.start()
    aws.events.put(b'{"Records": [{"body": "\\"quoted\\""}]}')
    _, _, body = aws.report()
    assert json.loads(body)["errorMessage"] == "the event names no bucket"


def test_request_to_s3_is_not_made_in_the_last_second(aws: FakeAws, bootstrap: Bootstrap) -> None:
    aws.seconds_per_invocation = 1
    bootstrap.start()
    aws.events.put(EVENT)
    _, _, body = aws.report()
    assert json.loads(body)["errorMessage"] == "no time is left for a request to S3"
    assert aws.authorizations == []


def test_missing_variable_is_an_error_of_the_initialization(
    aws: FakeAws, bootstrap: Bootstrap
) -> None:
    process = bootstrap.start(COUNTS_BUCKET="")
    path, error, body = aws.report()
    assert (path, error) == ("init/error", "Runtime.InitError")
    assert "COUNTS_BUCKET: is not set" in json.loads(body)["errorMessage"]
    assert process.wait(timeout=60) == 1


def test_missing_function_is_an_error_of_the_initialization(
    aws: FakeAws, bootstrap: Bootstrap
) -> None:
    bootstrap.start(_HANDLER="other")
    _, _, body = aws.report()
    assert "other.sh: No such file" in json.loads(body)["errorMessage"]
