"""The Runtime API as a runtime sees it that is not awslambdaric."""

import queue
from collections.abc import Iterator

import httpx
import pytest

from localcloud.execution.runtime_api import (
    Failed,
    InitFailed,
    Polled,
    Responded,
    RuntimeApi,
    RuntimeEvent,
)
from tests.integration.localcloud.execution.conftest import invocation


@pytest.fixture
def events() -> "queue.SimpleQueue[RuntimeEvent]":
    return queue.SimpleQueue()


@pytest.fixture
def api(events: "queue.SimpleQueue[RuntimeEvent]") -> Iterator[RuntimeApi]:
    api = RuntimeApi(events.put)
    yield api
    api.close()


@pytest.fixture
def runtime(api: RuntimeApi) -> Iterator[httpx.Client]:
    base = f"http://{api.address}/2018-06-01/runtime"
    with httpx.Client(base_url=base, trust_env=False) as runtime:
        yield runtime


def test_invocation_is_answered_once(
    api: RuntimeApi, runtime: httpx.Client, events: "queue.SimpleQueue[RuntimeEvent]"
):
    api.deliver(invocation(b"1", request_id="one", deadline_ms=5, trace_id="Root=1"))
    asked = runtime.get("/invocation/next")
    assert asked.content == b"1"
    assert asked.headers["Lambda-Runtime-Aws-Request-Id"] == "one"
    assert asked.headers["Lambda-Runtime-Deadline-Ms"] == "5"
    assert asked.headers["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert "Lambda-Runtime-Client-Context" not in asked.headers
    assert runtime.post("/invocation/two/response", content=b"2").status_code == 400
    assert runtime.post("/invocation/one/response", content=b"2").status_code == 202
    assert runtime.post("/invocation/one/response", content=b"3").status_code == 400
    assert [events.get_nowait() for _ in range(2)] == [Polled(), Responded(b"2")]
    assert events.empty()


def test_errors_are_reported_with_the_type_that_the_runtime_names(
    api: RuntimeApi, runtime: httpx.Client, events: "queue.SimpleQueue[RuntimeEvent]"
):
    body = b'{"errorType": "KeyError"}'
    api.deliver(invocation(request_id="one"))
    named = {"Lambda-Runtime-Function-Error-Type": "Function.Own"}
    assert runtime.post("/init/error", content=body, headers=named).status_code == 202
    assert runtime.post("/invocation/one/error", content=body).status_code == 202
    assert events.get_nowait() == InitFailed(body, "Function.Own")
    assert events.get_nowait() == Failed(body, "KeyError")


def test_unknown_path_is_refused(runtime: httpx.Client):
    assert runtime.get("/invocation/last").status_code == 404
    assert runtime.post("/exit").status_code == 404
