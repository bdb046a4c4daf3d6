"""`make attack` attacks this machine only, and prints and returns the results."""

import io
import re
from typing import cast

import pytest
from rich.console import Console

from localcloud.cloud import Cloud, CloudError
from tests.hostile import __main__ as command
from tests.hostile.__main__ import attack, report
from tests.hostile.browser_cases import NOT_RUN
from tests.hostile.case import Case
from tests.hostile.cases import CASES
from tests.hostile.outcomes import api_outcome, outcome
from tests.hostile.raw_http import Address, Answer
from tests.hostile.target import Target
from tests.support.public_reads import PUBLIC_READ

PROBLEM = {"content-type": "application/problem+json", "cache-control": "no-store"}


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "::"])  # noqa: S104
def test_cloud_that_other_machines_can_reach_is_refused(monkeypatch: pytest.MonkeyPatch, host: str):
    monkeypatch.setattr(command, "running_on", lambda port: Cloud(host, port))
    with pytest.raises(CloudError, match=f"Only a loopback address is attacked, and not {host}"):
        command.attacked(4566)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "abc"], "argument --port: invalid port 'abc': expected 1 to 65535"),
        (["--port", "65535"], "no port follows 65535: give CloudFront's as --edge-port or"),
        (["--only", "nope"], "no group begins with 'nope': expected one of "),
    ],
)
def test_wrong_argument_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    [line] = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert message in line


def test_no_request_leaves_this_machine():
    with pytest.raises(ValueError, match="not a loopback address"):
        Address("192.0.2.1", 80)


def test_no_two_cases_have_the_same_name():
    names = [(case.group, case.name) for case in CASES]
    assert len(names) == len(set(names))
    assert len({case.group for case in CASES}) == 11


def test_progress_is_written_before_the_cases_that_it_announces():
    written = io.StringIO()
    seen: list[str] = []

    def look(_: Target) -> str:
        seen.append(written.getvalue().splitlines()[-1])
        return "404"

    cases = [Case(group, "a name", ("404",), look) for group in ("ids", "ids", "tokens")]
    results = attack(cases, cast("Target", None), Console(file=written))
    assert results == [(case, "404") for case in cases]
    ids, tokens = ("0 of 3 cases done; next: ids", "2 of 3 cases done; next: tokens")
    assert seen == [ids, ids, tokens]


@pytest.mark.parametrize(
    ("got", "status", "summary"),
    [
        (["404 problem", "404 problem"], 0, "2 cases: 2 as expected, 0 unexpected, 0 not run."),
        (["404 problem", NOT_RUN], 0, "2 cases: 1 as expected, 0 unexpected, 1 not run."),
        (["404 problem", "200"], 1, "2 cases: 1 as expected, 1 unexpected, 0 not run."),
        ([NOT_RUN], 1, "1 cases: 0 as expected, 0 unexpected, 1 not run."),
        ([], 1, "0 cases: 0 as expected, 0 unexpected, 0 not run."),
    ],
)
def test_report_prints_every_case_and_fails_unless_all_outcomes_were_expected(
    got: list[str], status: int, summary: str
):
    case = Case("ids", "a [bracketed] name", ("404 problem",), lambda _: "")
    written = io.StringIO()
    console = Console(file=written, width=200)
    assert report([(case, each) for each in got], console) == status
    assert summary in written.getvalue()
    assert written.getvalue().count("a [bracketed] name") == len(got)


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, PROBLEM, b"{}", "200"),
        (404, PROBLEM, b'{"type":"about:blank","title":"Not Found"}', "404 problem"),
        (404, PROBLEM, b'{"type":"about:blank","title":"x","status":400}', "404 with a body"),
        (404, PROBLEM, b'{"title":"Not Found"}', "404 with a body that is not a problem"),
        (404, PROBLEM, b'{"type":"a","title":"b","trace":"c"}', "404 with a body that is not"),
        (404, PROBLEM, b"<html>", "404 with a body that is not JSON"),
        (404, PROBLEM | {"content-type": "text/html"}, b"", "404 as text/html"),
        (404, PROBLEM | {"cache-control": "max-age=1"}, b"", "404 that may be cached"),
        (200, {}, b"", "200 that may be cached"),
        (200, {"cache-control": PUBLIC_READ}, b"", "200"),
        (404, PROBLEM | {"cache-control": PUBLIC_READ}, b"", "404 that may be cached"),
        (500, PROBLEM, b'{"type":"about:blank","title":"x"}', "500: "),
        (200, PROBLEM, b"the secret", "200 with 'secret'"),
    ],
)
def test_outcome_says_what_is_wrong(
    status: int, headers: dict[str, str], body: bytes, expected: str
):
    assert api_outcome(Answer(status, headers, body), [b"secret"]).startswith(expected)
    whole = outcome(Answer(status, headers, body), [b"secret"])
    assert (
        whole.startswith(expected) if status == 500 or b"secret" in body else whole == str(status)
    )


@pytest.mark.parametrize(
    "internal",
    [
        "Traceback (most recent call last)",
        'File \\"/var/task/gallery_api/handler.py\\"',
        "ValidationError: Expected `int`",
        "ResourceNotFoundException",
        "arn:aws:lambda:us-east-1:000000000000:function:x",
        "table lambda-gallery-local-PhotosTable",
    ],
)
def test_internals_in_a_problem_are_found(internal: str):
    body = f'{{"type":"about:blank","title":"Bad Request","detail":"{internal}"}}'.encode()
    assert re.match("400 with internals: ", api_outcome(Answer(400, PROBLEM, body)))
