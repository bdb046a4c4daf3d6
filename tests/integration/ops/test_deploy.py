"""Deploying as far as sam: which account, what is asked, and what follows sam's answer."""

import argparse
import io
from collections.abc import Iterator
from typing import Any

import moto
import pytest
from rich.console import Console

from ops import deploy
from ops.stacks import Account, Generation, OperationError, Stage, open_account
from tests.stack import ROOT

ACCOUNT = "123456789012"
DEV = Stage("dev", "gallery", None, None, {})
OUTPUTS = {
    "DistributionId": "E1",
    "GalleryUrl": "https://gallery.example",
    "UserPoolId": "pool-1",
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with moto.mock_aws():
        yield


class Session:
    """Of an account in which nothing is but a stack's change sets."""

    def __init__(self) -> None:
        self.change_sets: set[str] = set()

    def client(self, *_: Any, **__: Any) -> "Session":
        return self

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, str]:  # noqa: N803
        assert (StackName, TemplateStage) == ("arn", "Original")
        return {"TemplateBody": (ROOT / "template.yaml").read_text()}

    def get_account(self) -> dict[str, str]:
        """API Gateway's, without a role for access logs."""
        return {}

    def get_paginator(self, operation: str) -> "Session":
        assert operation == "list_change_sets"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:  # noqa: N803
        assert StackName == "arn"
        return [
            {"Summaries": [{"ChangeSetId": each, "ExecutionStatus": "AVAILABLE"}]}
            for each in sorted(self.change_sets)
        ]


class Laboratory:
    """What deploy() does, with sam and the page only noted down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, region: str = "us-east-1") -> None:
        self.session = Session()
        self.sam: list[tuple[str, ...]] = []
        self.published: list[dict[str, str]] = []
        self.stack: Generation | None = None
        self.outputs = OUTPUTS
        self.declines = False
        self._said = io.StringIO()
        account = Account(self.session, ACCOUNT, region)
        monkeypatch.setattr(deploy, "open_account", lambda *_: account)
        monkeypatch.setattr(deploy, "find_stack", lambda *_: self.stack)
        monkeypatch.setattr(deploy, "check_quota", lambda *_: "quota")
        monkeypatch.setattr(deploy, "run_sam", lambda _, command, __, *o: self._sam(command, *o))
        monkeypatch.setattr(deploy.publish_site, "publish", lambda site, _: self._publish(site))

    def _sam(self, command: str, *options: str) -> None:
        self.sam.append((command, *options))
        if command == "deploy" and self.declines:
            self.session.change_sets.add("declined")
        elif command == "deploy":
            self.stack = Generation("arn", "gallery", "UPDATE_COMPLETE", {}, self.outputs)

    def _publish(self, site: Any) -> int:
        self.published.append(site.outputs)
        return 3

    def deploy(self, *more: str, yes: bool = True) -> str:
        given = ["ViewsShardCount=2", *more]
        options = argparse.Namespace(
            stage="dev", stack="gallery", account=None, yes=yes, parameter=given
        )
        deploy.deploy(options, Console(file=self._said, width=200))
        return self._said.getvalue()


def test_build_and_deploy_are_told_the_same_and_the_page_follows(monkeypatch: pytest.MonkeyPatch):
    laboratory = Laboratory(monkeypatch)
    said = laboratory.deploy()
    (build, *built), (command, *deployed) = laboratory.sam
    assert (build, command) == ("build", "deploy")
    given = ['Release="by-stage"', 'ViewsShardCount="2"', 'Stage="dev"', 'ApiAccessLogs="none"']
    overrides = ["--parameter-overrides", *given]
    assert built == overrides
    assert deployed[-len(overrides) :] == overrides
    assert deployed[:4] == ["--stack-name", "gallery", "--s3-prefix", "gallery"]
    assert "--no-confirm-changeset" in deployed
    assert laboratory.published == [OUTPUTS]
    assert "Create:" in said
    assert "--user-pool-id pool-1" in said


def test_stack_elsewhere_has_no_page_and_says_so_before_and_after(monkeypatch: pytest.MonkeyPatch):
    laboratory = Laboratory(monkeypatch, "eu-west-1")
    laboratory.outputs = OUTPUTS | {"DistributionId": "none", "GalleryUrl": "none: no edge here"}
    said = laboratory.deploy()
    assert "us-east-1 only: this one will have none" in said
    assert "none: no edge here" in said
    assert laboratory.published == []


def test_declined_change_set_is_no_deployment(monkeypatch: pytest.MonkeyPatch):
    laboratory = Laboratory(monkeypatch)
    laboratory.stack = Generation("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    laboratory.session.change_sets = {"declined last week"}
    laboratory.declines = True
    with pytest.raises(OperationError, match="declined"):
        laboratory.deploy()
    assert laboratory.published == [], "a page newer than its API"
    laboratory.declines = False
    laboratory.deploy()
    assert laboratory.published == [OUTPUTS]


def test_release_that_changes_provisioned_concurrency_goes_at_once_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
):
    laboratory = Laboratory(monkeypatch)
    warm = {"ApiProvisionedConcurrency": "2"}
    laboratory.stack = Generation("arn", "gallery", "UPDATE_COMPLETE", warm, OUTPUTS)
    said = laboratory.deploy("ApiProvisionedConcurrency=0")
    assert 'Release="at-once"' in laboratory.sam[1]
    assert "cannot change during a canary" in said


def test_nothing_is_built_unless_somebody_says_yes(monkeypatch: pytest.MonkeyPatch):
    laboratory = Laboratory(monkeypatch)
    with pytest.raises(OperationError, match="--yes"):
        laboratory.deploy(yes=False)
    monkeypatch.setattr(deploy, "answer_to", lambda *_: "no")
    with pytest.raises(OperationError, match="Nothing was done"):
        laboratory.deploy(yes=False)
    assert laboratory.sam == []
    monkeypatch.setattr(deploy, "answer_to", lambda *_: "yes")
    laboratory.deploy(yes=False)
    assert "--no-confirm-changeset" not in laboratory.sam[1], "sam shows its change set and asks"


def test_account_is_the_one_that_the_credentials_lead_to(monkeypatch: pytest.MonkeyPatch):
    assert open_account(DEV, None).id == ACCOUNT
    assert open_account(DEV, ACCOUNT).region == "us-east-1"
    with pytest.raises(OperationError, match="belong to account 123456789012, not 999999999999"):
        open_account(DEV, "999999999999")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(OperationError, match="set AWS_REGION"):
        open_account(DEV, None)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert open_account(DEV, None).region == "eu-central-1"


def test_region_of_samconfig_and_of_the_environment_are_one(monkeypatch: pytest.MonkeyPatch):
    stage = Stage("prod", "gallery", "eu-west-1", None, {})
    with pytest.raises(OperationError, match="to eu-west-1, and the environment says us-east-1"):
        open_account(stage, None)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert open_account(stage, None).region == "eu-west-1"


def test_stage_local_does_not_go_to_aws():
    with pytest.raises(OperationError, match="leads to AWS"):
        open_account(Stage("local", "gallery", None, None, {}), None)
