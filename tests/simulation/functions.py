"""The two stream functions with clients in memory, and their event source mappings."""

import dataclasses
import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from localcloud.event_sources.mappings import EventSourceMapping
from tests.simulation.clients import Silent
from tests.support.moto_stack import mocked_stack

ACCOUNT = "eu-central-1:123456789012"
BUCKET = "failedbatchesbucket"
SOURCES = {
    "view_counter": f"arn:aws:kinesis:{ACCOUNT}:stream/views",
    "catalog_replicator": f"arn:aws:dynamodb:{ACCOUNT}:table/photos/stream/2026-11-20T00:00:00.000",
}
MAPPINGS = {
    "view_counter": "0a1b2c3d-0000-4000-8000-000000000001",
    "catalog_replicator": "0a1b2c3d-0000-4000-8000-000000000002",
}


class Function:
    """A stream function: its handler without Powertools' decorators, its timeout, its mapping."""

    def __init__(self, folder: str, module: ModuleType, template: dict[str, Any]) -> None:
        name = "".join(map(str.capitalize, folder.split("_")))
        properties = template["Resources"][f"{name}Function"]["Properties"]
        self.folder = folder
        self.module = module
        self.timeout = float(properties["Timeout"])
        self.mapping = mapping_of(properties, folder)

    def __repr__(self) -> str:
        return self.folder

    @property
    def handler(self) -> Callable[..., dict[str, Any]]:
        """As the module has it now: mutations replace it."""
        return inspect.unwrap(self.module.handler)

    def part(self, name: str) -> ModuleType:
        """Another module of the same function."""
        return importlib.import_module(f"{self.folder}.{name}")


@dataclasses.dataclass
class Context:
    """An invocation's remaining time; pauses between calls reduce it and do not delay the test."""

    left: float
    longest_call: float
    failed: set[str] = dataclasses.field(default_factory=set)  # photos of which a write has failed
    left_out: set[str] = dataclasses.field(default_factory=set)  # repeated views of the batch

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left * 1000)


def mapping_of(properties: dict[str, Any], folder: str) -> EventSourceMapping:
    """The function's mapping, read as the engine reads it from the Lambda API."""
    [event] = properties["Events"].values()
    settings = {
        **event["Properties"],
        "UUID": MAPPINGS[folder],
        "EventSourceArn": SOURCES[folder],
        "FunctionArn": f"arn:aws:lambda:{ACCOUNT}:function:{folder}",
        "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{BUCKET}"}},
    }
    return EventSourceMapping.from_api(settings, f"arn:aws:iam::123456789012:role/{folder}")


@contextmanager
def deployed() -> Iterator[dict[str, Function]]:
    """Both functions, imported under the template's environment, without logs and metrics."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        functions = {}
        for folder in SOURCES:
            module = stack.handler(folder)
            monkeypatch.setattr(module, "logger", Silent())
            monkeypatch.setattr(module, "metrics", Silent())
            functions[folder] = Function(folder, module, stack.template)
        yield functions


def plain(value: Any) -> Any:
    """The value as Lambda passes it on: serialized to JSON and parsed."""
    return json.loads(json.dumps(value))
