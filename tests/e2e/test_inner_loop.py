"""The inner loop of docs/deploy.md, by the real sam: remote invoke, logs, sync of changed code.

The settings are those of samconfig.toml's dev; what leads to the laptop instead is given as flags.
ministack has no versions of a layer to be found, so a changed layer goes up with the whole stack.
"""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from demo import application
from localcloud.cloud import Cloud
from ops.leftover_versions import find_drift, restore_functions
from ops.stacks import Stage, find_stack, open_account
from tests.support.repository import ROOT
from tests.support.waiting import awaited

HEALTH = ROOT / "events" / "api_get_health.json"
NOT_BUILT = shutil.ignore_patterns(".*", "__pycache__", "docs", "tests", "web")


def sam(cloud: Cloud, *arguments: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        ["sam", *arguments, "--stack-name", application.STACK],
        cwd=folder,
        env=cloud.environment,
        input="Y\n",  # sync asks whether this is a development stack
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sync_is_set_up_for_dev_alone():
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    del environments["version"]
    assert [name for name, commands in environments.items() if "sync" in commands] == ["default"]


@pytest.fixture
def restored(cloud: Cloud, stack: Mapping[str, str]) -> Iterator[None]:
    """Restore the API's function for the other tests, as `make deploy` does."""
    client, name = cloud.client("lambda"), stack["GalleryApiFunctionName"]
    account = open_account(Stage("local", application.STACK, None, None, {}), None)
    deployed = find_stack(account, application.STACK)
    assert deployed
    assert find_drift(account, deployed) == []
    before = client.get_function(FunctionName=name, Qualifier="live")["Configuration"]
    yield
    [drift] = find_drift(account, deployed)
    assert drift.alias_moved
    assert drift.code_changed
    assert [drift.logical_id, len(drift.later)] == ["GalleryApiFunction", 1]
    assert restore_functions(account, deployed, [drift], Console(quiet=True)) == {}
    assert find_drift(account, deployed) == []
    after = client.get_function(FunctionName=name, Qualifier="live")["Configuration"]
    assert (after["Version"], after["CodeSha256"]) == (before["Version"], before["CodeSha256"])


@pytest.mark.usefixtures("stack")
def test_function_is_invoked_with_an_event_of_the_folder(cloud: Cloud):
    output = sam(cloud, "remote", "invoke", "GalleryApiFunction", "--event-file", str(HEALTH))
    answer = json.loads(output)
    assert json.loads(answer["body"])["status"] == "ok"


def test_logs_of_a_function_are_found(cloud: Cloud, stack: Mapping[str, str]):
    cloud.client("lambda").invoke(
        FunctionName=stack["GalleryApiFunctionName"], Payload=HEALTH.read_bytes()
    )
    arguments = ["logs", "--name", "GalleryApiFunction", "--output", "json"]
    awaited(lambda: "/health" in sam(cloud, *arguments))


@pytest.mark.usefixtures("restored")
def test_changed_code_answers_after_sync(cloud: Cloud, url: str, tmp_path: Path):
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=NOT_BUILT)
    health = project / "functions" / "gallery_api" / "routes" / "health.py"
    health.write_text(health.read_text().replace('"ok"', '"synced"'))
    parameters = application.gallery(cloud).parameters
    overrides = " ".join(f"{name}={text}" for name, text in parameters.items())
    given = ["--s3-bucket", "deployments", "--parameter-overrides", overrides]
    sam(cloud, "sync", "--code", "--resource-id", "GalleryApiFunction", *given, folder=project)
    assert httpx.get(f"{url}/api/health", timeout=60).json()["status"] == "synced"
