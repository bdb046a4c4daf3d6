"""No AWS settings of a person reach the laptop cloud."""

import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.environment import build_environment, laptop_environment

ENDPOINT = "http://127.0.0.1:4566"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def persons_environment(tmp_path: Path) -> dict[str, str]:
    """A shell that is configured for a real account: variables, a profile, files."""
    (tmp_path / ".aws").mkdir()
    config = tmp_path / ".aws/config"
    config.write_text("[default]\nregion = eu-west-1\nendpoint_url = https://aws.example\n")
    credentials = tmp_path / ".aws/credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n"
    )
    return {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN",
        "AWS_PROFILE": "production",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_ENDPOINT_URL_S3": "https://s3.aws.example",
        "AWS_CA_BUNDLE": "/etc/company.pem",
        "PIP_INDEX_URL": "https://packages.company.example/simple",
    }


def test_laptop_environment_has_only_the_listed_variables(
    persons_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name, value in persons_environment.items():
        monkeypatch.setenv(name, value)
    environment = laptop_environment(ENDPOINT, tmp_path / "state")
    foreign = set(persons_environment.values()) - {"/usr/bin:/bin"}
    assert not foreign & set(environment.values())
    assert {name for name in environment if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SHARED_CREDENTIALS_FILE",
    }


def test_functions_on_the_laptop_run_in_utc_as_on_lambda(tmp_path: Path):
    """Powertools stores idempotency records by local time, which jumps twice a year elsewhere."""
    assert laptop_environment(ENDPOINT, tmp_path)["TZ"] == "UTC"


def test_build_environment_keeps_a_persons_settings_but_nothing_of_aws(
    persons_environment: dict[str, str],
):
    environment = build_environment(persons_environment)
    assert environment["PIP_INDEX_URL"] == persons_environment["PIP_INDEX_URL"]
    assert environment["HOME"] == persons_environment["HOME"]
    theirs = {name: value for name, value in persons_environment.items() if "AWS_" in name}
    assert not set(theirs.values()) & set(environment.values())


def test_the_sdk_finds_only_the_laptop(persons_environment: dict[str, str]):
    """Read credentials, profile and endpoint in a new process, for each environment."""
    script = (
        "import boto3; session = boto3.Session(); client = session.client('s3');"
        "found = session.get_credentials();"
        "print(found and found.access_key, session.profile_name, client.meta.endpoint_url)"
    )
    laptop = laptop_environment(ENDPOINT, Path(persons_environment["HOME"]))
    assert _output(script, laptop) == f"test default {ENDPOINT}"
    built = build_environment(persons_environment) | {"AWS_REGION": "us-east-1"}
    assert _output(script, built).startswith("None default https://s3.")


def test_another_endpoint_cannot_be_reached(tmp_path: Path):
    script = """
import boto3, botocore.exceptions, botocore.config
config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=3)
for service in ("s3", "dynamodb", "sts"):
    url = f"https://{service}.us-east-1.amazonaws.com"
    client = boto3.client(service, endpoint_url=url, config=config)
    call = {"s3": "list_buckets", "dynamodb": "list_tables", "sts": "get_caller_identity"}[service]
    try:
        getattr(client, call)()
    except botocore.exceptions.ProxyConnectionError:
        print(service, end=" ")
"""
    assert _output(script, laptop_environment(ENDPOINT, tmp_path)) == "s3 dynamodb sts"


def _output(script: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()
