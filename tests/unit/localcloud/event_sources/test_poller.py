"""The threads of the event sources, on a stream in memory: what fails in them stops nothing."""

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.memory_stream import MemoryStream
from localcloud import cloud
from localcloud.cloud import Cloud
from localcloud.event_sources import poller
from localcloud.event_sources.poller import EventSources
from tests.support.event_source_bench import data_of, kinesis_mapping
from tests.support.waiting import awaited

SECONDS = 120  # until a test fails


class Lambda:
    """Lambda's API with one mapping, and a function that only keeps what it gets."""

    def __init__(self) -> None:
        self.delivered: list[Any] = []
        self.enabled = True
        self.lists = 0

    def get_paginator(self, _: str) -> "Lambda":
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        self.lists += 1
        mapping = kinesis_mapping()
        yield {
            "EventSourceMappings": [
                {
                    "UUID": mapping.uuid,
                    "EventSourceArn": mapping.source_arn,
                    "FunctionArn": mapping.function_arn,
                    "State": "Enabled" if self.enabled else "Disabled",
                }
            ]
        }

    def get_function_configuration(self, **_: object) -> dict[str, str]:
        return {"Role": "arn:aws:iam::000000000000:role/counter"}

    def invoke(self, *, Payload: bytes, **_: object) -> dict[str, Any]:  # noqa: N803
        self.delivered += data_of(json.loads(Payload))
        return {"Payload": io.BytesIO(b"null"), "StatusCode": 200, "ResponseMetadata": {}}


class Bench:
    """Event sources that are started, their stream, and what was delivered."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        patch.setattr(cloud, "STATE", folder)
        self.cloud = Cloud("127.0.0.1", 9)
        self.cloud.folder.mkdir(exist_ok=True)
        self.stream = MemoryStream(kinesis_mapping(), time.time)
        patch.setattr(poller, "source", lambda *_: self.stream)
        patch.setattr(poller, "_REFRESH_SECONDS", 0.05)
        self.lambda_ = Lambda()
        patch.setattr(poller, "root_client", lambda *_, **__: self.lambda_)
        self.sources = EventSources(self.cloud).start()

    def put(self, data: str) -> None:
        self.stream.put(data, json.dumps(data).encode())


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(monkeypatch, tmp_path)
    yield bench
    bench.sources.stop()


def test_engine_that_fails_by_a_bug_starts_again_from_its_checkpoints(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    bench.put("a")
    awaited(lambda: bench.lambda_.delivered == ["a"])
    read = bench.stream.read

    def fail_once(*_: Any) -> Any:
        monkeypatch.setattr(bench.stream, "read", read)
        raise ZeroDivisionError

    monkeypatch.setattr(bench.stream, "read", fail_once)
    bench.put("b")
    awaited(lambda: "b" in bench.lambda_.delivered)
    assert any("starts again from its checkpoints" in line for line in bench.sources.problems)
    with pytest.raises(ZeroDivisionError):
        bench.sources.await_drained(SECONDS)
    bench.sources.await_drained(SECONDS)  # it has told of the bug once


def test_event_sources_continue_after_an_unexpected_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    paginate = bench.lambda_.paginate

    def fail_once() -> Any:
        monkeypatch.setattr(bench.lambda_, "paginate", paginate)
        raise ZeroDivisionError

    monkeypatch.setattr(bench.lambda_, "paginate", fail_once)
    awaited(lambda: any("failed, and go on" in line for line in bench.sources.problems))
    bench.put("a")
    awaited(lambda: bench.lambda_.delivered == ["a"])


def test_records_are_delivered_while_the_disk_is_full_and_checkpoints_saved_afterwards(
    bench: Bench, capfd: pytest.CaptureFixture[str]
):
    bench.put("a")
    awaited(lambda: bench.lambda_.delivered == ["a"])
    full = bench.cloud.folder / "checkpoints.new"
    full.symlink_to("/dev/full")
    bench.put("b")
    bench.sources.await_drained(SECONDS)
    assert bench.lambda_.delivered == ["a", "b"]
    awaited(lambda: "No space left on device. Free some space." in capfd.readouterr().err)
    full.unlink()
    last = bench.stream.all["shardId-000000000000"].records[-1].sequence_number
    awaited(lambda: last in (bench.cloud.folder / "checkpoints.json").read_text())


def test_disabled_mapping_delivers_nothing_and_goes_on_from_its_checkpoint(bench: Bench):
    bench.put("a")
    awaited(lambda: bench.lambda_.delivered == ["a"])
    bench.lambda_.enabled = False
    awaited(lambda: not bench.sources.counters())
    bench.put("b")
    bench.sources.await_drained(SECONDS)
    assert bench.lambda_.delivered == ["a"]
    bench.lambda_.enabled = True
    awaited(lambda: bench.lambda_.delivered == ["a", "b"])


def test_batch_in_progress_when_its_mapping_is_disabled_is_delivered_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    ends, invoke = threading.Event(), bench.lambda_.invoke

    def invoke_slowly(**request: Any) -> Any:
        answer = invoke(**request)
        ends.wait(SECONDS)
        return answer

    monkeypatch.setattr(bench.lambda_, "invoke", invoke_slowly)
    bench.put("a")
    awaited(lambda: bench.lambda_.delivered == ["a"])
    bench.lambda_.enabled = False
    seen = bench.lambda_.lists
    awaited(lambda: bench.lambda_.lists >= seen + 2)  # one refresh has ended
    ends.set()
    awaited(lambda: not bench.sources.counters())
    bench.lambda_.enabled = True
    bench.put("b")
    awaited(lambda: "b" in bench.lambda_.delivered)
    assert bench.lambda_.delivered == ["a", "b"]
