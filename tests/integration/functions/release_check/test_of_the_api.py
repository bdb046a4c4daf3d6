"""The checks against the current API."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from release_check.checks import check
from tests.support.gallery_api import Context, put, stored
from tests.support.moto_stack import MotoStack, mocked_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[MotoStack]:
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


def test_current_api_passes_and_nothing_is_written(stack: MotoStack):
    api = stack.handler("gallery_api").handler
    put(stack)
    before = stored(stack)

    def invoke(FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        context = Context(function_version=FunctionName.rsplit(":", 1)[1])
        return {"Payload": io.BytesIO(json.dumps(api(json.loads(Payload), context)).encode())}

    results = list(check(invoke, "arn:aws:lambda:…:gallery-api:7", lambda: 0, lambda: 60_000))
    assert len(results) == 3
    assert not [reason for _, _, reason in results if reason]
    assert stored(stack) == before
