"""The real `sam local invoke`, against the laptop cloud: one function in Lambda's own container."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from demo.samples import PHOTOS
from localcloud.cloud import ROOT, Cloud, CloudError
from localcloud.deployment import BUILD, architecture

EVENT: Final = ROOT / "events" / "s3_photo_uploaded.json"
_DOCKERS_OWN: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")


def prepare(cloud: Cloud, stack: Mapping[str, str]) -> None:
    """Let the events of `events/` find what they speak of.

    `sam local` knows the stack's resources by their logical ids only, so it reads their names from
    a file. The photo of the S3 event is put into a bucket that notifies nobody, as if its event
    had been lost: delivering it is left to `sam local invoke`.
    """
    names = {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "API_VERSION": stack["GalleryApiVersionArn"],
        "DISTRIBUTION_ID": stack["DistributionId"],
        "FAILED_EVENTS_QUEUE": stack["FailedEventsQueueUrl"],
        "VIEWS_STREAM": stack["ViewsStreamName"],
    }
    for kind, output in (("BUCKET", "BucketName"), ("TABLE", "TableName")):
        for name in (each.removesuffix(output) for each in stack if each.endswith(output)):
            names[f"{_snake_case(name)}_{kind}"] = stack[name + output]
    _variables(cloud).write_text(json.dumps({"Parameters": names}, indent=2))
    [record] = json.loads(EVENT.read_text())["Records"]
    bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=(PHOTOS / "coffee.jpg").read_bytes())
    cloud.client("dynamodb").put_item(
        TableName=stack["PhotosTableName"],
        Item={
            "photo_id": {"S": key.rsplit("/", 1)[-1]},
            "version": {"N": "1"},
            "status": {"S": "PENDING"},
            "owner": {"S": "somebody"},
            "title": {"S": "Coffee"},
            "content_type": {"S": "image/jpeg"},
            "bytes": {"N": str(record["s3"]["object"]["size"])},
            "created_at": {"S": record["eventTime"]},
        },
    )


def invoke(cloud: Cloud, function: str, event: Path, own_environment: Mapping[str, str]) -> int:
    """Run `sam local invoke`, in the laptop's environment; returns its exit status.

    Raises:
        CloudError: no laptop cloud runs there.
    """
    if not _variables(cloud).exists():
        raise CloudError(
            f"No laptop cloud runs on port {cloud.port}. `make up HOST={cloud.host}` starts one."
        )
    docker = {name: own_environment[name] for name in _DOCKERS_OWN if name in own_environment}
    overrides = ["Stage=local", f"Architecture={architecture()}", f"EndpointUrl={cloud.endpoint}"]
    command = ["sam", "local", "invoke", function, "--config-env", "local"]
    command += ["--template-file", str(BUILD / "template.yaml"), "--event", str(event)]
    command += ["--env-vars", str(_variables(cloud)), "--parameter-overrides", *overrides]
    if own_environment.get("SKIP_PULL_IMAGE"):
        command.append("--skip-pull-image")
    environment = {**cloud.environment, **docker}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _variables(cloud: Cloud) -> Path:
    return cloud.folder / "env.json"
