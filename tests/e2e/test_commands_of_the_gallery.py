"""Commands of a person that need the deployed gallery."""

import json
import os
from pathlib import Path

import pytest

from demo.application import STACK
from localcloud import sam_local
from localcloud.cloud import Cloud
from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.e2e.test_laptop_cloud import command, outcome
from tests.support.repository import load_template


def test_sam_local_gets_the_environment_of_each_deployed_function(
    cloud: Cloud, stack: dict[str, str]
):
    sam_local.write_environments(cloud, STACK)
    environments = json.loads(sam_local.environments_file(cloud).read_text())
    functions = load_template()["Resources"]
    assert environments.keys() == {
        name for name in functions if functions[name]["Type"] == "AWS::Serverless::Function"
    }
    assert environments["ThumbnailerFunction"]["PHOTOS_TABLE"] == stack["PhotosTableName"]
    assert environments["GalleryApiFunction"]["VIEWS_STREAM"] == stack["ViewsStreamName"]
    assert environments["GalleryApiFunction"]["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert environments["EdgeHeadersFunction"] == {}


@pytest.mark.usefixtures("stack")
def test_options_of_a_tool_keep_their_values(cloud: Cloud):
    status, output = outcome("redrive", cloud.port, "--dry-run", "--kind", "event")
    assert status == 0, output
    status, output = outcome("dashboard", cloud.port, "--hours", "many")
    assert (status, "invalid number of hours 'many'" in output) == (2, True)


def test_sign_up_is_refused_by_a_user_pool_of_administrators(cloud: Cloud, stack: dict[str, str]):
    cognito = cloud.client("cognito-idp")
    with pytest.raises(cognito.exceptions.NotAuthorizedException, match="SignUp is not permitted"):
        cognito.sign_up(
            ClientId=stack["UserPoolClientId"], Username="eve@example.com", Password="Long enough 1"
        )


@pytest.mark.usefixtures("stack")
def test_invoke_in_a_container_reports_an_address_that_containers_cannot_reach(
    cloud: Cloud, tmp_path: Path
):
    engine = tmp_path / "docker"
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    environment = {**OWN_ENVIRONMENT, "PATH": f"{tmp_path}{os.pathsep}{OWN_ENVIRONMENT['PATH']}"}
    arguments = ("GalleryApiFunction", "events/api_get_health.json")
    with command("invoke", cloud.port, environment, *arguments) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"cannot reach {cloud.endpoint}" in output
    assert f"`make up PORT={cloud.port} HOST=172.17.0.1`" in output


@pytest.mark.usefixtures("stack")
def test_invoke_without_a_docker_engine_runs_the_function_here_and_says_so(cloud: Cloud):
    without_docker = {**OWN_ENVIRONMENT, "DOCKER_HOST": "unix:///there/is/no/engine"}
    arguments = ("GalleryApiFunction", "events/api_get_health.json")
    with command("invoke", cloud.port, without_docker, *arguments) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "There is no Docker engine" in output
    assert json.loads(output.strip().splitlines()[-1])["statusCode"] == 200
