"""What stays of botocore's data, and that an outdated list fails the build."""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore
import pytest
import time_machine
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.loaders import Loader
from botocore.session import Session

from tests.support.repository import ROOT

DATA = Path(botocore.__file__).parent / "data"
ORIGINAL = Loader()
OPERATIONS: dict[str, list[str]] = tomllib.loads((ROOT / "layers/build/sdk.toml").read_text())[
    "operations"
]
LISTED = """
[operations]
dynamodb = ["PutItem"]
s3 = ["GetObject", "ListObjectsV2"]
[paginators]
s3 = ["ListObjectsV2"]
"""
ENDPOINT_PARTS = {"Bucket": "a-bucket", "StreamARN": "arn:aws:kinesis:eu-central-1:1:stream/s"}


class Trimmed:
    """Some services of botocore's data, in a folder of packages, and the script beside a list."""

    def __init__(self, folder: Path, services: Sequence[str] = ("dynamodb", "s3", "sqs")) -> None:
        self.script = shutil.copy(ROOT / "layers/build/trim_botocore.py", folder)
        self.list = folder / "sdk.toml"
        self.packages = folder / "packages"
        self.data = self.packages / "botocore" / "data"
        self.data.mkdir(parents=True)
        for service in services:
            shutil.copytree(DATA / service, self.data / service)
        for file in DATA.glob("*.json*"):
            shutil.copy(file, self.data)

    def trim(self, listed: str) -> subprocess.CompletedProcess[str]:
        self.list.write_text(listed)
        command = [sys.executable, self.script, self.packages]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def loader(self) -> Loader:
        loader = Loader(extra_search_paths=[str(self.data)], include_default_search_paths=False)
        loader.BUILTIN_DATA_PATH = str(self.data)  # else botocore resolves endpoints as it once did
        return loader


@pytest.fixture
def trimmed(tmp_path: Path) -> Trimmed:
    return Trimmed(tmp_path)


def sample(shape: Any, name: str = "a-name", depth: int = 3) -> Any:
    """A value of the shape that has all members, to some depth."""
    if name in ENDPOINT_PARTS:
        return ENDPOINT_PARTS[name]
    if values := getattr(shape, "enum", []):
        return values[0]
    match shape.type_name:
        case "structure":
            if depth == 0:
                return {}
            members = list(shape.members.items())
            if shape.is_tagged_union:
                members = members[:1]
            return {key: sample(each, key, depth - 1) for key, each in members}
        case "list":
            return [sample(shape.member, name, depth)]
        case "map":
            return {"key": sample(shape.value, name, depth)}
        case "timestamp":
            return datetime(2026, 11, 29, tzinfo=UTC)
        case "blob":
            return b"data"
        case "boolean":
            return True
        case "integer" | "long" | "float" | "double":
            return 3
    return "a-value".ljust(shape.metadata.get("min", 1), "-")


def request(loader: Loader, service: str, operation: str) -> Any:
    """What a client sends for an operation with all its parameters."""
    session = Session()
    session.register_component("data_loader", loader)
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = session.create_client(service, "eu-central-1", config=config, **keys)
    sent = []

    def record(request: Any, **_: Any) -> None:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in {"authorization", "x-amz-date", "amz-sdk-invocation-id"}
        }
        body = request.body.read() if hasattr(request.body, "read") else request.body
        sent.append((request.method, request.url, headers, body))
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register("before-send", record)
    shape = client.meta.service_model.operation_model(operation).input_shape
    with pytest.raises(EndpointConnectionError):
        getattr(client, xform_name(operation))(**sample(shape))
    [found] = sent
    return found


@pytest.fixture(scope="module")
def of_the_layer(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """botocore's data with what the layer keeps."""
    trimmed = Trimmed(tmp_path_factory.mktemp("layer"), list(OPERATIONS))
    done = trimmed.trim((ROOT / "layers/build/sdk.toml").read_text())
    assert done.returncode == 0, done.stderr
    return trimmed.loader()


@pytest.mark.parametrize(
    ("service", "operation"),
    [(service, name) for service, names in OPERATIONS.items() for name in names],
)
@time_machine.travel(datetime(2026, 11, 29, tzinfo=UTC), tick=False)
def test_requests_of_listed_operations_are_as_before(
    of_the_layer: Loader, service: str, operation: str
):
    assert request(of_the_layer, service, operation) == request(ORIGINAL, service, operation)


def test_services_and_operations_that_are_not_listed_are_removed(trimmed: Trimmed):
    assert trimmed.trim(LISTED).returncode == 0
    loader = trimmed.loader()
    assert loader.list_available_services("service-2") == ["dynamodb", "s3"]
    model = loader.load_service_model("s3", "service-2")
    assert sorted(model["operations"]) == ["GetObject", "ListObjectsV2"]
    errors = {name for name, shape in model["shapes"].items() if shape.get("exception")}
    assert errors == {"InvalidObjectState", "NoSuchBucket", "NoSuchKey"}


def test_paginators_keep_botocores_corrections(trimmed: Trimmed):
    trimmed.trim(LISTED)
    ours = trimmed.loader().load_service_model("s3", "paginators-1")["pagination"]
    theirs = Loader().load_service_model("s3", "paginators-1")["pagination"]
    assert ours == {"ListObjectsV2": theirs["ListObjectsV2"]}


def test_endpoints_keep_every_partition(trimmed: Trimmed):
    """Among them those of China and of GovCloud."""
    trimmed.trim(LISTED)
    ours = json.loads((trimmed.data / "endpoints.json").read_text())["partitions"]
    theirs = json.loads((DATA / "endpoints.json").read_text())["partitions"]
    assert {"aws", "aws-cn", "aws-us-gov"} <= {each["partition"] for each in ours}
    for mine, original in zip(ours, theirs, strict=True):
        kept = {name: original["services"][name] for name in ("dynamodb", "s3")}
        assert mine == {**original, "services": kept}


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ('"PutItem"', '"PutItems"', "botocore has no operation of dynamodb with the name PutItems"),
        ("dynamodb =", "dynamo =", "botocore has no service dynamo"),
        (
            '[paginators]\ns3 = ["ListObjectsV2"]',
            '[paginators]\ns3 = ["GetObject"]',
            "botocore has no paginator of s3 with the name GetObject",
        ),
        ("[paginators]\ns3", "[paginators]\nsqs", "sqs: paginators, but no operations"),
    ],
)
def test_what_botocore_lacks_fails_the_build(trimmed: Trimmed, old: str, new: str, missing: str):
    done = trimmed.trim(LISTED.replace(old, new))
    assert done.returncode == 1
    assert missing in done.stderr
    assert done.stderr.endswith(". Change layers/build/sdk.toml.\n")


@pytest.mark.parametrize("file", ["endpoints.json", "s3/*/endpoint-rule-set-1.json.gz"])
def test_missing_file_fails_the_build(trimmed: Trimmed, file: str):
    for path in trimmed.data.glob(file):
        path.unlink()
    done = trimmed.trim(LISTED)
    assert done.returncode == 1
    assert "botocore has no " in done.stderr
