"""No function writes credentials into its log, whatever the log level of the stage."""

import contextlib
import io
import json
import logging
from dataclasses import dataclass

import pytest

from tests.support.moto_stack import REGION, MotoStack
from tests.support.repository import ROOT

TOKEN = "inserted-session-token"
API_VERSION = f"arn:aws:lambda:{REGION}:123456789012:function:gallery-api:42"
EVENTS = {
    "catalog_replicator": "dynamodb_photo_ready",
    "daily_report": "scheduler_daily",
    "gallery_api": "api_get_photo",
    "release_check": "codedeploy_before_traffic",
    "thumbnailer": "s3_photo_uploaded",
    "view_counter": "kinesis_views_recorded",
}


@dataclass
class LambdaContext:
    function_name: str = "function"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:function"
    aws_request_id: str = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"
    function_version: str = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
@pytest.mark.parametrize("folder", EVENTS)
def test_no_library_logs_the_credentials_of_a_request(
    stack: MotoStack,
    folder: str,
    level: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    """Lambda's runtime client gives the root logger the function's log level before the import."""
    root, written = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("logger=%(name)s %(message)s"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    before = root.level
    root.setLevel(level)
    root.addHandler(handler)
    stack.names["GalleryApiFunction.Version"] = API_VERSION
    event = json.loads((ROOT / "events" / f"{EVENTS[folder]}.json").read_text())
    try:
        function = stack.handler(folder)
        with contextlib.suppress(Exception):  # moto may lack what the event is about
            function.handler(event, LambdaContext())
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    output = written.getvalue() + "".join(capfd.readouterr())
    assert TOKEN not in output
    assert "Authorization" not in output
    of_botocore = [line for line in written.getvalue().splitlines() if "logger=botocore" in line]
    assert not of_botocore, "a client is created before the logger"
