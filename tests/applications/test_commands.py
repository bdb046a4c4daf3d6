"""`python -m localcloud`, run on a person's own template."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from localcloud import owners
from localcloud.cloud import Cloud
from tests.applications.conftest import HERE
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.support.repository import ROOT


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "localcloud", *map(str, arguments)],
        cwd=ROOT,
        env={**OWN_ENVIRONMENT, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def outcome(*arguments: str | Path) -> tuple[int, str]:
    with started(*arguments) as process:
        output, _ = process.communicate(timeout=120)
    assert "Traceback" not in output
    return process.returncode, output


def await_line(process: "subprocess.Popen[str]", part: str) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if part in line:
            return lines
    pytest.fail(f"ended with {process.wait()}: {''.join(lines)}")


@pytest.mark.slow
def test_commands_run_invoke_update_and_end_an_application(tmp_path: Path):
    """up, a request, invoke, logs, a changed function deployed, and down."""
    shutil.copytree(HERE / "orders", tmp_path / "my shop")
    template = tmp_path / "my shop" / "template.yaml"
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pathParameters": {"order_id": "none"}}))
    options = ("--template", template)
    with started("up", *options, "--port", str(free_port()), "--parameter", "PageSize=7") as up:
        lines = await_line(up, "Ctrl-C ends")
        text = "".join(lines)
        assert "MonthlyBudget" in text
        assert "left out" in text
        assert "my-shop-local on http://127.0.0.1:" in text
        [url] = [line.split()[-1] for line in lines if " OrdersApi " in line]
        assert [line.split()[-1] for line in lines if " ApiUrl " in line] == [url]
        order = httpx.post(f"{url}/orders", json={"item": "x"}, trust_env=False, timeout=30).json()
        assert order["page_size"] == 7

        status, output = outcome("invoke", "GetOrderFunction", event, *options)
        assert status == 0, output
        assert json.loads(output.strip().splitlines()[-1])["statusCode"] == 404

        with started("logs", "CreateOrderFunction", *options) as logs:
            await_line(logs, order["order_id"])
            logs.send_signal(signal.SIGINT)
            assert logs.wait(timeout=30) == 130

        source = template.parent / "src" / "app.py"
        source.write_text(source.read_text().replace("no such order", "changed"))
        assert outcome("deploy", *options)[0] == 0
        gone = httpx.get(f"{url}/orders/none", trust_env=False, timeout=30)
        assert gone.json() == {"message": "changed"}
        again = httpx.post(f"{url}/orders", json={"item": "x"}, trust_env=False, timeout=30).json()
        assert again["page_size"] == 7, "deploy keeps the parameters of up"

        assert outcome("down", *options)[0] == 0
        assert up.wait(timeout=30) == 0
    status, output = outcome("down", *options)
    assert (status, "No laptop cloud runs for" in output) == (1, True)


def test_template_that_cannot_be_deployed_is_refused_before_the_build(tmp_path: Path):
    (tmp_path / "template.yaml").write_text(
        "Resources:\n"
        "  Agent: {Type: AWS::Bedrock::Agent, Properties: {AgentName: a}}\n"
        "  Name: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Agent}}\n"
    )
    status, output = outcome(
        "up", "--template", tmp_path / "template.yaml", "--port", str(free_port())
    )
    assert status == 1
    assert "Agent (AWS::Bedrock::Agent)" in output
    assert "Name refers to it" in output
    assert "sam build" not in output


def test_error_of_the_sam_transform_is_reported_before_the_build(tmp_path: Path):
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n  Broken: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}\n"
    )
    options = ("--template", tmp_path / "template.yaml", "--port", str(free_port()))
    status, output = outcome("up", *options)
    assert status == 1
    assert "Broken" in output
    assert "sam build" not in output


def test_import_that_no_stack_exports_is_explained_before_the_build():
    options = ("--template", HERE / "links" / "template.yaml", "--port", str(free_port()))
    status, output = outcome("up", *options)
    assert (status, "--ssm-parameter /links/domain=VALUE" in output) == (1, True)
    options += ("--ssm-parameter", "/links/domain=example.com", "--export", "other=x")
    status, output = outcome("up", *options)
    assert (status, "--export team=VALUE" in output) == (1, True)
    assert "sam build" not in output


def test_laptop_cloud_that_no_longer_answers_is_explained(tmp_path: Path):
    port, template = free_port(), tmp_path / "template.yaml"
    template.write_text("Resources: {Queue: {Type: AWS::SQS::Queue}}")
    folder = Cloud("127.0.0.1", port).folder
    folder.mkdir(parents=True)
    try:
        owners.write(folder, "127.0.0.1")
        owners.add(folder, template=template, stack="gone-local", parameters={})
        for command in (("invoke", "Function", "-"), ("logs",)):
            status, output = outcome(*command, "--template", template)
            assert (status, "does not answer" in output) == (1, True), output
    finally:
        shutil.rmtree(folder)


def test_known_resource_types_are_listed():
    status, output = outcome("types")
    assert status == 0
    assert {"AWS::Lambda::Function", "AWS::ApiGatewayV2::Deployment"} <= set(output.split())
    assert "AWS::Bedrock::Agent" not in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("up", "--template", "none.yaml"), "There is no template"),
        (("invoke", "F", "-", "--template", "none.yaml"), "No laptop cloud runs for"),
        (("up", "--port", "70000"), "invalid port '70000': expected 1 to 65535"),
        (("up", "--parameter", "Stage"), "invalid parameter 'Stage': expected NAME=VALUE"),
        (("up", "--host", ""), "invalid address ''"),
    ],
)
def test_invalid_arguments_are_explained(arguments: tuple[str, ...], message: str):
    status, output = outcome(*arguments)
    assert status in (1, 2)
    assert message in output
