"""The steps of a deployment: the account, the questions, and the effect of each answer."""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto
import pytest
from rich.console import Console

from ops import deploy, publish_site
from ops.change_sets import ChangeSet
from ops.deployed_stack import StackDescription
from ops.leftover_versions import FunctionDrift
from ops.preflight.examine import Examination
from ops.preflight.findings import blocked, ready
from ops.preflight.target import DeploymentTarget
from ops.stack_events import DeploymentOutcome
from ops.stacks import Account, OperationError, Stage, answer_to, open_account
from tests.support.repository import ROOT

ACCOUNT = "123456789012"
DEV = Stage("dev", "gallery", None, None, {})
CHANGE_SET = ChangeSet("change set", "arn")
DRIFT = FunctionDrift("Api", "gallery-Api", 3, (4,), None, code_changed=False)
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
    """Of an account in which the stack was deployed from this template."""

    def client(self, *_: Any, **__: Any) -> "Session":
        return self

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, str]:  # noqa: N803
        assert (StackName, TemplateStage) == ("arn", "Original")
        return {"TemplateBody": (ROOT / "template.yaml").read_text()}


class RecordedDeployment:
    """The steps of deploy() in their order, without sam, CloudFormation and the page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, region: str = "us-east-1") -> None:
        self.done: list[str] = []
        self.told: dict[str, tuple[str, ...]] = {}
        self.published: list[dict[str, str]] = []
        self.stack: StackDescription | None = None
        self.outputs = OUTPUTS
        self.change_set: ChangeSet | None = CHANGE_SET
        self.status = "UPDATE_COMPLETE"
        self.drift: list[FunctionDrift] = []
        self.undeletable: dict[str, int] = {}
        self.hashed_beside: dict[str, int] = {}
        self.answers: list[str] = []
        self.findings = [ready("Quota", "enough of everything")]
        self._said = io.StringIO()
        account = Account(Session(), ACCOUNT, region)
        monkeypatch.setattr(deploy, "open_account", lambda *_: account)
        monkeypatch.setattr(deploy, "find_stack", lambda *_: self.stack)
        monkeypatch.setattr(deploy, "examine", self._examine)
        monkeypatch.setattr(deploy, "build", lambda _, __, *o: self._note("build", *o))
        monkeypatch.setattr(deploy, "find_drift", lambda *_: self.drift)
        monkeypatch.setattr(deploy, "restore_functions", lambda *_: self._restore())
        monkeypatch.setattr(deploy, "write_release_hashes", self._write_hashes)
        monkeypatch.setattr(deploy, "create_change_set", self._create)
        monkeypatch.setattr(deploy, "execute_change_set", self._execute)
        monkeypatch.setattr(deploy, "retry_failed", self._retry)
        monkeypatch.setattr(deploy, "discard_change_set", lambda *_: self._note("discard"))
        monkeypatch.setattr(deploy, "explain_failure", lambda *_: "why it failed")
        monkeypatch.setattr(deploy, "answer_to", self._answer)
        monkeypatch.setattr(publish_site, "publish", lambda site, _: self._publish(site))

    def _examine(self, account: Account, stage: Stage, stack: str, *more: Any) -> Examination:
        deployed, given = more
        return Examination(
            DeploymentTarget(stage, stack, account.region, given, deployed), self.findings
        )

    def _note(self, step: str, *options: str) -> None:
        self.done.append(step)
        self.told[step] = options

    def _restore(self) -> dict[str, int]:
        self._note("set back")
        return self.undeletable

    def _write_hashes(
        self, built: Path, _: Any, __: Any, ___: str, undeletable: dict[str, int]
    ) -> None:
        assert built == ROOT / ".aws-sam" / "build" / "template.yaml"
        assert self.done[-1] == "build"
        self.hashed_beside = undeletable

    def _create(self, _: Account, __: Stage, stack: str, *options: str) -> ChangeSet | None:
        assert stack == "gallery"
        self._note("create", *options)
        return self.change_set

    def _execute(self, *_: Any, preserve: bool) -> DeploymentOutcome:
        self._note("execute and preserve" if preserve else "execute")
        return self._outcome()

    def _retry(self, *_: Any) -> DeploymentOutcome:
        self._note("retry")
        return self._outcome()

    def _outcome(self) -> DeploymentOutcome:
        self.stack = StackDescription("arn", "gallery", self.status, {}, self.outputs)
        return DeploymentOutcome(self.status, [])

    def _answer(self, question: str, *_: Any) -> str:
        self.done.append(question.partition(" (")[0])
        return self.answers.pop(0)

    def _publish(self, site: Any) -> int:
        self.done.append("publish")
        self.published.append(site.outputs)
        return 3

    def deploy(self, *more: str, yes: bool = True) -> str:
        given = ["ViewsShardCount=2", *more]
        options = argparse.Namespace(
            stage="dev", stack="gallery", account=None, yes=yes, parameter=given
        )
        deploy.deploy(options, Console(file=self._said, width=200))
        return self._said.getvalue()


@pytest.fixture
def recorded_deployment(monkeypatch: pytest.MonkeyPatch) -> RecordedDeployment:
    return RecordedDeployment(monkeypatch)


def test_build_and_deploy_get_the_same_parameters_and_the_page_is_published(
    recorded_deployment: RecordedDeployment,
):
    output = recorded_deployment.deploy()
    assert recorded_deployment.done == ["build", "create", "execute and preserve", "publish"]
    given = [
        'Release="by-stage"',
        'ViewsShardCount="2"',
        'Stage="dev"',
        'ApiAccessLogs="none"',
        'ThumbnailerReservedConcurrency="-1"',
    ]
    assert recorded_deployment.told["build"] == ("--parameter-overrides", *given)
    assert recorded_deployment.told["create"] == recorded_deployment.told["build"]
    assert recorded_deployment.published == [OUTPUTS]
    assert "Create:" in output
    assert "--user-pool-id pool-1" in output


def test_findings_of_preflight_are_shown_and_prevent_the_deployment(
    recorded_deployment: RecordedDeployment,
):
    assert "enough of everything" in recorded_deployment.deploy()
    recorded_deployment.done = []
    recorded_deployment.findings.append(blocked("Lambda quota", "10 do not fit"))
    with pytest.raises(OperationError, match="Nothing was deployed"):
        recorded_deployment.deploy()
    assert recorded_deployment.done == []


def test_stack_without_a_distribution_has_no_page_and_says_so(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.outputs = OUTPUTS | {
        "DistributionId": "none",
        "GalleryUrl": "none: no edge here",
    }
    output = recorded_deployment.deploy()
    assert "none: no edge here" in output
    assert recorded_deployment.published == []


@pytest.mark.parametrize(
    ("status", "execution", "output"),
    [
        ("REVIEW_IN_PROGRESS", "execute and preserve", "is preserved"),
        ("CREATE_FAILED", "execute and preserve", "is preserved"),
        ("UPDATE_COMPLETE", "execute", "rolls the stack back"),
        ("UPDATE_ROLLBACK_COMPLETE", "execute", "rolls the stack back"),
    ],
)
def test_only_a_completely_created_stack_is_rolled_back(
    recorded_deployment: RecordedDeployment, status: str, execution: str, output: str
):
    recorded_deployment.stack = StackDescription("arn", "gallery", status, {}, OUTPUTS)
    assert output in recorded_deployment.deploy()
    assert execution in recorded_deployment.done


def test_failed_deployment_says_why_and_publishes_no_page(recorded_deployment: RecordedDeployment):
    recorded_deployment.status = "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(OperationError, match="why it failed"):
        recorded_deployment.deploy()
    assert recorded_deployment.published == [], "a page newer than its API"


def test_without_changes_the_page_alone_is_published(recorded_deployment: RecordedDeployment):
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    recorded_deployment.change_set = None
    recorded_deployment.deploy()
    assert recorded_deployment.done == ["build", "create", "publish"]


def test_without_changes_a_failed_creation_is_retried(recorded_deployment: RecordedDeployment):
    recorded_deployment.stack = StackDescription("arn", "gallery", "CREATE_FAILED")
    recorded_deployment.change_set = None
    recorded_deployment.deploy()
    assert recorded_deployment.done == ["build", "create", "retry", "publish"]


def test_continued_creation_names_the_resources_that_it_replaces(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.change_set = ChangeSet("change set", "arn", replaced=("PhotosTable",))
    assert "this change set replaces" not in recorded_deployment.deploy(), (
        "a creation may replace resources"
    )
    recorded_deployment.stack = StackDescription("arn", "gallery", "CREATE_FAILED")
    assert "this change set replaces PhotosTable" in recorded_deployment.deploy()


def test_release_that_changes_provisioned_concurrency_shifts_all_traffic_and_says_so(
    recorded_deployment: RecordedDeployment,
):
    warm = {"ApiProvisionedConcurrency": "2"}
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", warm, OUTPUTS)
    output = recorded_deployment.deploy("ApiProvisionedConcurrency=0")
    assert 'Release="at-once"' in recorded_deployment.told["create"]
    assert "cannot change during a canary" in output


def test_person_is_asked_before_the_build_and_when_the_change_set_is_there(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.answers = ["yes", "yes"]
    recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done[:-2] == [
        "Deploy?",
        "build",
        "create",
        "Execute this change set?",
    ]


def test_leftover_versions_are_named_and_deleted_before_the_build(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    recorded_deployment.drift = [DRIFT]
    output = recorded_deployment.deploy()
    assert "Api: the stack does not have version 4" in output
    assert recorded_deployment.done[:2] == ["set back", "build"]


def test_function_whose_leftover_stays_gets_another_hash(recorded_deployment: RecordedDeployment):
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    recorded_deployment.drift = [DRIFT]
    recorded_deployment.undeletable = {"EdgeHeadersFunction": 4}
    recorded_deployment.deploy()
    assert recorded_deployment.hashed_beside == {"EdgeHeadersFunction": 4}


def test_leftover_versions_are_not_deleted_without_confirmation(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    recorded_deployment.drift = [DRIFT]
    recorded_deployment.answers = ["yes", "no"]
    with pytest.raises(OperationError, match="Nothing was deployed"):
        recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done == ["Deploy?", "Restore them, and delete those versions?"]


def test_nothing_is_built_without_confirmation(recorded_deployment: RecordedDeployment):
    recorded_deployment.answers = ["no"]
    with pytest.raises(OperationError, match="Nothing was deployed"):
        recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done == ["Deploy?"]


def test_yes_is_required_without_a_terminal(
    recorded_deployment: RecordedDeployment, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deploy, "answer_to", answer_to)
    with pytest.raises(OperationError, match="--yes"):
        recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done == []


def test_declined_change_set_is_deleted_and_counts_as_no_deployment(
    recorded_deployment: RecordedDeployment,
):
    recorded_deployment.stack = StackDescription("arn", "gallery", "UPDATE_COMPLETE", {}, OUTPUTS)
    recorded_deployment.answers = ["yes", "no"]
    with pytest.raises(OperationError, match="the change set is deleted"):
        recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done[-1] == "discard"
    assert recorded_deployment.published == []


def test_ctrl_c_at_the_change_set_means_no(
    recorded_deployment: RecordedDeployment, monkeypatch: pytest.MonkeyPatch
):
    def answer(question: str, *_: Any) -> str:
        if question.startswith("Execute"):
            raise KeyboardInterrupt
        return "yes"

    monkeypatch.setattr(deploy, "answer_to", answer)
    with pytest.raises(KeyboardInterrupt):
        recorded_deployment.deploy(yes=False)
    assert recorded_deployment.done[-1] == "discard"


def test_account_is_that_of_the_credentials(monkeypatch: pytest.MonkeyPatch):
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
    with pytest.raises(OperationError, match="to eu-west-1, and the environment has us-east-1"):
        open_account(stage, None)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert open_account(stage, None).region == "eu-west-1"


def test_stage_local_does_not_go_to_aws():
    with pytest.raises(OperationError, match="cannot be used with AWS"):
        open_account(Stage("local", "gallery", None, None, {}), None)
