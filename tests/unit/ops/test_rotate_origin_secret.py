"""The steps of a rotation: each is safe alone, and an interrupted run is continued."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rich.console import Console

from ops import rotate_origin_secret
from ops.deployed_stack import StackDescription
from ops.rotate_origin_secret import ALSO_ACCEPTED, SENT, OriginSecret, Rotation, Step
from ops.stacks import Account, OperationError

NEW_STACK = Rotation(frozenset({1}), sent=1, also_accepted=1)
OUTPUTS = {
    "ApiUrl": "https://api.example/api",
    "DistributionId": "E1",
    "OriginSecretArn": "arn:secret",
}


def whole(rotation: Rotation) -> list[tuple[Step, Rotation]]:
    """Every step until the rotation is finished, with what there is after it."""
    done = [rotation.next_step()]
    while done[-1][1].is_unfinished:
        done.append(done[-1][1].next_step())
    return done


def test_steps_come_in_the_order_that_keeps_the_gallery_working():
    assert [step for step, _ in whole(NEW_STACK)] == list(Step)
    assert whole(NEW_STACK)[-1][1] == Rotation(frozenset({2}), sent=2, also_accepted=2)


def test_a_finished_rotation_is_followed_by_one_with_the_next_number():
    second = Rotation(frozenset({2}), sent=2, also_accepted=2)
    assert whole(second)[-1][1] == Rotation(frozenset({3}), sent=3, also_accepted=3)


def test_at_each_step_api_or_cloudfront_may_change_first():
    """API and CloudFront change one after the other, in an update and in its rollback."""
    before = NEW_STACK
    for _, after in whole(NEW_STACK):
        for api in (before, after):
            for cloudfront in (before, after):
                assert cloudfront.sent in {api.sent, api.also_accepted}
        in_use = {before.sent, before.also_accepted, after.sent, after.also_accepted}
        assert in_use <= before.stored | after.stored
        assert {after.sent, after.also_accepted} <= after.stored
        before = after


@pytest.mark.parametrize("ended_after", range(5))
def test_a_run_that_ended_between_two_steps_is_continued(ended_after: int):
    done = [(Step.STORE, NEW_STACK), *whole(NEW_STACK)]
    left = whole(done[ended_after][1])
    assert [step for step, _ in left] == list(Step)[ended_after:]


class Aws:
    """The services that a rotation calls, as one recorded account."""

    def __init__(self, rotation: Rotation, header: str = "", failure: str = "") -> None:
        self.values = {f"value-{number}": f"secret {number}" for number in rotation.stored}
        self.parameters = {
            SENT: f"value-{rotation.sent}",
            ALSO_ACCEPTED: f"value-{rotation.also_accepted}",
            "Stage": "prod",
        }
        self.updates: list[dict[str, Any]] = []
        self.statuses = ["UPDATE_COMPLETE"]
        self.uploaded: dict[str, bytes] = {}
        self.meta = SimpleNamespace(endpoint_url="https://s3.example")
        self._header = header
        self._failure = failure
        self._events = [self._event("gallery", "UPDATE_COMPLETE")]

    def client(self, *_: Any, **__: Any) -> "Aws":
        return self

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        parameters = [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in self.parameters.items()
        ]
        return {
            "Stacks": [
                {
                    "StackId": "arn:stack",
                    "StackName": "gallery",
                    "StackStatus": status,
                    "Parameters": parameters,
                }
            ]
        }

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        return {"SecretString": json.dumps(self.values)}

    def put_secret_value(self, SecretString: str, **_: Any) -> None:  # noqa: N803 - botocore's
        self.values = json.loads(SecretString)

    def get_template(self, TemplateStage: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"TemplateBody": f"the {TemplateStage} template"}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        self.uploaded[f"https://s3.example/{Bucket}/{Key}"] = Body

    def update_stack(self, **arguments: Any) -> None:
        self.updates.append(arguments)
        if self._failure:
            self._events.append(self._event("GalleryApi", "UPDATE_FAILED", self._failure))
            self.statuses = ["UPDATE_ROLLBACK_COMPLETE"]
        self._events.append(self._event("gallery", self.statuses[0]))

    def _event(self, resource: str, status: str, reason: str = "") -> dict[str, Any]:
        return {
            "EventId": f"{resource} {len(getattr(self, '_events', ()))}",
            "Timestamp": datetime(2026, 11, 28, tzinfo=UTC),
            "LogicalResourceId": resource,
            "PhysicalResourceId": "arn:stack" if resource == "gallery" else "",
            "ResourceType": "AWS::CloudFormation::Stack" if resource == "gallery" else "AWS::A::B",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }

    def describe_stack_events(self, **_: Any) -> dict[str, Any]:
        return {"StackEvents": self._events[::-1]}

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_stack_events"
        return SimpleNamespace(paginate=lambda **_: [self.describe_stack_events()])

    def get_waiter(self, name: str) -> Any:
        assert name == "distribution_deployed"
        return SimpleNamespace(wait=lambda **_: None)

    def get_distribution_config(self, **_: Any) -> dict[str, Any]:
        headers = [{"HeaderName": "Referer", "HeaderValue": self._header}]
        origins = [{"Id": "site"}, {"Id": "api", "CustomHeaders": {"Items": headers}}]
        return {"DistributionConfig": {"Origins": {"Items": origins}}}


def origin_secret(aws: Aws) -> OriginSecret:
    stack = StackDescription("arn:stack", "gallery", "UPDATE_COMPLETE", aws.parameters, OUTPUTS)
    account = Account(aws, "123456789012", "us-east-1")
    console = Console(quiet=True)
    return OriginSecret(account, stack, "artifacts", console, poll_seconds=0.001)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Statuses of the API's answers, by Referer; what is not there is refused."""
    statuses: dict[str, int] = {}

    def get(url: str, headers: dict[str, str], **_: Any) -> httpx.Response:
        assert url == "https://api.example/api/health"
        return httpx.Response(statuses.get(headers["Referer"], 403))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setattr(rotate_origin_secret, "_PROBE_SECONDS", 0.02)
    return statuses


def take(aws: Aws) -> Step:
    secret = origin_secret(aws)
    step, then = secret.rotation().next_step()
    secret.take(step, then)
    return step


def test_a_new_value_is_added_and_what_is_in_use_stays():
    aws = Aws(NEW_STACK)
    assert take(aws) == Step.STORE
    assert aws.values.keys() == {"value-1", "value-2"}
    assert aws.values["value-1"] == "secret 1"
    assert len(aws.values["value-2"]) >= 40


def test_an_update_changes_two_parameters_and_passes_the_original_template():
    aws = Aws(Rotation(frozenset({1, 2}), sent=1, also_accepted=1))
    assert take(aws) == Step.ACCEPT
    [update] = aws.updates
    assert "UsePreviousTemplate" not in update
    assert aws.uploaded[update["TemplateURL"]] == b"the Original template"
    assert {each["ParameterKey"]: each for each in update["Parameters"]} == {
        SENT: {"ParameterKey": SENT, "ParameterValue": "value-1"},
        ALSO_ACCEPTED: {"ParameterKey": ALSO_ACCEPTED, "ParameterValue": "value-2"},
        "Stage": {"ParameterKey": "Stage", "UsePreviousValue": True},
    }


def test_cloudfront_sends_nothing_that_the_api_does_not_accept_yet(api: dict[str, int]):
    aws = Aws(Rotation(frozenset({1, 2}), sent=1, also_accepted=2))
    with pytest.raises(OperationError, match="still answers 403 to value-2, which it should acc"):
        take(aws)
    assert not aws.updates
    api["secret 2"] = 200
    assert take(aws) == Step.SEND
    assert len(aws.updates) == 1


def test_the_api_refuses_nothing_that_cloudfront_still_sends(api: dict[str, int]):
    rotation = Rotation(frozenset({1, 2}), sent=2, also_accepted=1)
    api["secret 2"] = 200
    aws = Aws(rotation, header="secret 1")
    with pytest.raises(OperationError, match="E1 does not send value-2"):
        take(aws)
    assert not aws.updates
    assert take(Aws(rotation, header="secret 2")) == Step.REFUSE


def test_a_value_that_is_still_accepted_at_the_end_is_reported(api: dict[str, int]):
    api.update({"secret 1": 200, "secret 2": 200})
    aws = Aws(Rotation(frozenset({1, 2}), sent=2, also_accepted=1), header="secret 2")
    with pytest.raises(OperationError, match="still answers 200 to value-1"):
        take(aws)


@pytest.mark.usefixtures("api")
def test_an_update_that_failed_names_the_stack_and_the_reason():
    aws = Aws(Rotation(frozenset({1, 2}), sent=1, also_accepted=1), failure="Not now.")
    message = r"did not update gallery \(status UPDATE_ROLLBACK_COMPLETE\): GalleryApi: Not now\."
    with pytest.raises(OperationError, match=message):
        take(aws)


def test_a_value_that_is_missing_is_named_before_anything_is_changed():
    aws = Aws(Rotation(frozenset({1}), sent=1, also_accepted=2))
    with pytest.raises(OperationError, match="lacks the key value-2, which the stack uses"):
        origin_secret(aws).rotation()


def test_an_update_of_an_earlier_run_is_awaited():
    aws = Aws(NEW_STACK)
    aws.statuses = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    origin_secret(aws).await_idle()
    assert aws.statuses == ["UPDATE_COMPLETE"]


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_COMPLETE"])
def test_a_stack_that_cannot_be_updated_is_refused(status: str):
    aws = Aws(NEW_STACK)
    aws.statuses = [status]
    with pytest.raises(OperationError, match=f"gallery in status {status}"):
        origin_secret(aws).await_idle()
