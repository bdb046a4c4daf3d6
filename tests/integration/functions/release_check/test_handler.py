"""CodeDeploy gets exactly one report, for every answer, event and timing."""

import io
import json
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from release_check.checks import REQUESTS, RESERVE_SECONDS
from shared.events import UnexpectedEventError
from shared.settings import SettingsError
from tests.integration.functions.release_check.conftest import API_VERSION, Answer, Aws, http
from tests.support.moto_stack import new_handler
from tests.support.repository import ROOT, load_template

EVENT = json.loads((ROOT / "events/codedeploy_before_traffic.json").read_text())
TIMEOUT = load_template()["Resources"]["ReleaseCheckFunction"]["Properties"]["Timeout"]
HEALTH, LIST, REJECTION = REQUESTS
TIMED_OUT = ReadTimeoutError(endpoint_url="https://lambda.example")


@dataclass
class Context:
    function_name: str = "release_check"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:release_check"
    aws_request_id: str = "2f6d4b1e-8f0e-4a55-9b6e-0c1d2e3f4a5b"
    remaining_time_in_millis: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_time_in_millis


def report(status: str) -> dict[str, str]:
    return {
        "deploymentId": EVENT["DeploymentId"],
        "lifecycleEventHookExecutionId": EVENT["LifecycleEventHookExecutionId"],
        "status": status,
    }


def refusal(code: str) -> Answer:
    return 400, {}, {"__type": code, "message": "refused"}


def test_version_that_answers_well_is_reported_once(module: ModuleType, aws: Aws):
    assert module.handler(EVENT, Context()) == {"status": "Succeeded", "reasons": []}
    assert aws.asked == list(REQUESTS)
    assert aws.reported == [report("Succeeded")]


def test_every_check_and_the_verdict_are_logged(
    module: ModuleType, aws: Aws, monkeypatch: pytest.MonkeyPatch
):
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    aws.version[LIST] = http(503, {"title": "Service Unavailable"})
    module.handler(EVENT, Context())
    *checks, verdict = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["request"] for line in checks] == list(REQUESTS)
    assert all(line["milliseconds"] >= 0 for line in checks)
    assert (verdict["message"], verdict["status"]) == ("release_checked", "Failed")
    assert verdict["api_version"] == API_VERSION
    assert len(verdict["reasons"]) == 1
    assert {line["deployment_id"] for line in (*checks, verdict)} == {EVENT["DeploymentId"]}


def test_failed_check_is_reported_once_with_all_its_reasons(module: ModuleType, aws: Aws):
    aws.version[HEALTH] = http(200, {"version": "41"})
    aws.version[REJECTION] = http(201, {"photo": {}})
    answer = module.handler(EVENT, Context())
    assert answer["status"] == "Failed"
    assert [reason.split(":")[0] for reason in answer["reasons"]] == [HEALTH, REJECTION]
    assert aws.reported == [report("Failed")]


def test_version_that_fails_is_a_no_go(module: ModuleType, aws: Aws):
    error = {"errorMessage": "PHOTOS_TABLE not set", "errorType": "SettingsError"}
    aws.version[HEALTH] = (200, {"X-Amz-Function-Error": "Unhandled"}, error)
    [reason] = module.handler(EVENT, Context())["reasons"]
    assert "PHOTOS_TABLE not set" in reason
    assert aws.reported == [report("Failed")]


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (TIMED_OUT, 3),
        (EndpointConnectionError(endpoint_url="https://lambda.example"), 3),
        ((429, {}, {"__type": "TooManyRequestsException"}), 3),
        ((404, {}, {"__type": "ResourceNotFoundException"}), 1),
        ((403, {}, {"__type": "AccessDeniedException"}), 1),
    ],
)
def test_version_that_cannot_be_invoked_is_a_no_go(
    module: ModuleType, aws: Aws, fault: Answer | Exception, tries: int
):
    aws.version[HEALTH] = fault
    [reason] = module.handler(EVENT, Context())["reasons"]
    assert reason.startswith(f"{HEALTH}: no answer: ")
    assert aws.asked.count(HEALTH) == tries
    assert aws.reported == [report("Failed")]


def test_internal_error_is_reported_once(
    module: ModuleType, aws: Aws, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> Any:
        raise KeyError("ours")

    monkeypatch.setattr(module, "check", lambda *_: map(broken, [1]))
    answer = module.handler(EVENT, Context())
    assert answer["reasons"] == ["the check itself failed: KeyError('ours')"]
    assert aws.reported == [report("Failed")]


def test_lack_of_time_is_reported_before_the_timeout(module: ModuleType, aws: Aws):
    context = Context(remaining_time_in_millis=int(1000 * RESERVE_SECONDS))
    answer = module.handler(EVENT, context)
    assert len(answer["reasons"]) == len(REQUESTS)
    assert not aws.asked
    assert aws.reported == [report("Failed")]


def test_unknown_keys_are_logged_and_ignored(
    module: ModuleType, aws: Aws, monkeypatch: pytest.MonkeyPatch
):
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    answer = module.handler(EVENT | {"Records": [], "Extra": 1}, Context())
    assert answer == {"status": "Succeeded", "reasons": []}
    assert aws.reported == [report("Succeeded")]
    first = json.loads(log.getvalue().splitlines()[0])
    assert first["message"] == "unknown_event_keys"
    assert (first["level"], first["unknown_keys"]) == ("WARNING", ["Extra", "Records"])
    assert first["deployment_id"] == EVENT["DeploymentId"]


def test_expected_event_logs_no_unknown_keys(
    module: ModuleType,
    aws: Aws,  # noqa: ARG001 - answers the checks
    monkeypatch: pytest.MonkeyPatch,
):
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    module.handler(EVENT, Context())
    assert "unknown_keys" not in log.getvalue()


@pytest.mark.parametrize("name", EVENT)
@pytest.mark.parametrize("value", ["", " \n", None, 7, ["d-4KXT1F8UD"]])
def test_invalid_id_is_named_and_nothing_is_done(
    module: ModuleType, aws: Aws, name: str, value: object
):
    with pytest.raises(UnexpectedEventError, match=name):
        module.handler(EVENT | {name: value}, Context())
    assert not aws.asked
    assert not aws.reported


@pytest.mark.parametrize("name", EVENT)
def test_id_that_is_missing_is_named_and_nothing_is_done(module: ModuleType, aws: Aws, name: str):
    event = {key: value for key, value in EVENT.items() if key != name}
    with pytest.raises(UnexpectedEventError, match=f"missing required field `{name}`"):
        module.handler(event, Context())
    assert not aws.asked
    assert not aws.reported


@pytest.mark.parametrize("event", [None, [], "d-4KXT1F8UD", 7, {}])
def test_event_of_another_kind_fails(module: ModuleType, aws: Aws, event: object):
    with pytest.raises(UnexpectedEventError, match=r"object|DeploymentId"):
        module.handler(event, Context())
    assert not aws.asked
    assert not aws.reported


def test_throttled_report_is_tried_again(module: ModuleType, aws: Aws):
    aws.codedeploy = [refusal("ThrottlingException"), refusal("ThrottlingException")]
    assert module.handler(EVENT, Context())["status"] == "Succeeded"
    assert aws.reported == [report("Succeeded")] * 3
    assert sum(aws.pauses) <= 3


def test_report_that_codedeploy_refuses_fails_the_invocation(module: ModuleType, aws: Aws):
    aws.codedeploy = [refusal("AccessDeniedException")]
    with pytest.raises(
        module.HookReportError, match=r"deployment d-4KXT1F8UD.*AccessDeniedException"
    ):
        module.handler(EVENT, Context())
    assert len(aws.reported) == 1


def test_worst_case_ends_well_before_the_timeout(module: ModuleType):
    def longest(client: Any) -> float:
        config = client.meta.config
        assert config.retries["mode"] == "standard"
        tries = config.retries["total_max_attempts"]
        pauses = sum(2**number for number in range(tries - 1))  # botocore waits at most so long
        return float(tries * (config.connect_timeout + config.read_timeout) + pauses)

    # The last check begins with at least RESERVE_SECONDS left; then it and the report may hang.
    worst = longest(module.lambda_) + longest(module.codedeploy)
    assert worst <= RESERVE_SECONDS - 5
    # And the first one always begins.
    assert RESERVE_SECONDS <= TIMEOUT - 10


@pytest.mark.usefixtures("module")
def test_missing_variable_fails_at_initialization_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("API_VERSION")
    with pytest.raises(SettingsError, match="API_VERSION"):
        new_handler("release_check")
