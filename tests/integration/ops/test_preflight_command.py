"""`make preflight` as a person runs it: its exit status, its words and its table."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from ops.preflight import __main__ as command
from ops.preflight.table import findings_table
from tests.integration.ops.preflights import looked
from tests.integration.ops.recorded_account import RecordedAccount


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The command in a recorded account."""
    chosen: dict[str, Any] = {}
    monkeypatch.setattr(command, "open_account", lambda *_: chosen["recorded"].account)
    return chosen


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("new", [], (1, "✗ One check prevents a deployment.")),
        ("new", ["--parameter", "ApiProvisionedConcurrency=0"], (0, "✓ Nothing prevents")),
        ("leftovers", [], (1, "✗ One check prevents a deployment.")),
    ],
)
def test_exit_status_is_0_only_if_nothing_prevents_a_deployment(
    accounts: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: list[str],
    expected: tuple[int, str],
):
    accounts["recorded"] = RecordedAccount(name)
    status = command.main(["--stage", "prod", *arguments])
    said = capsys.readouterr().out
    assert status == expected[0], said
    assert expected[1] in said
    assert "Idle cost" in said


def test_without_credentials_everything_else_is_checked_nevertheless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert command.main([]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "No AWS credentials were found" in said
    assert "Valid for the SAM transform" in said
    assert "Idle cost" in said


def test_stack_that_may_not_be_described_prevents_the_deployment(
    accounts: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    accounts["recorded"] = RecordedAccount("new")
    accounts["recorded"].deny("sts.GetCallerIdentity")
    assert command.main([]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "A deployment needs cloudformation:DescribeStacks" in said
    assert "Valid for the SAM transform" in said


def test_offline_needs_neither_credentials_nor_network(capsys: pytest.CaptureFixture[str]):
    assert command.main(["--offline", "--stage", "prod"]) == 0
    said = capsys.readouterr().out
    assert "Nothing that can be checked without an account prevents a deployment" in said
    assert command.main(["--offline", "--parameter", "MonthlyBudget=much"]) == 1
    assert "expected a whole number" in capsys.readouterr().out
    assert command.main(["--offline", "--parameter", "Nothing=1"]) == 1
    assert "no parameter Nothing" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_its_terminal_and_says_each_sentence_whole(width: int):
    findings = list(looked(RecordedAccount("leftovers")).values())
    written = io.StringIO()
    Console(width=width, file=written).print(findings_table(findings))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    said = re.sub(r"\s+", "", "".join(lines))
    for each in findings:
        assert re.sub(r"\s+", "", f"{each.result}{each.sentence}") in said, "one column wraps alone"
