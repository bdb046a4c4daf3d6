"""A function that something else invokes says which function it is and what it expects."""

import json
from types import ModuleType
from typing import Any

import pytest

from edge_headers.handler import handler as edge_handler
from tests.integration.functions.test_credentials_in_logs import (
    API_VERSION,
    EVENTS,
    LambdaContext,
)
from tests.support.moto_stack import MotoStack
from tests.support.repository import ROOT

EDGE_EVENT = "cloudfront_photo_file"
WIRED: dict[str, str] = {**EVENTS, "edge_headers": EDGE_EVENT}
READERS_OF_RECORDS = {"catalog_replicator", "thumbnailer", "view_counter"}
NONSENSE: dict[str, Any] = {
    "nothing": None,
    "empty": {},
    "a list": [],
    "text": "event",
    "no records": {"Records": []},
    "records of nothing": {"Records": [{}]},
    "records that are none": {"Records": None},
    "a request without its parts": {"httpMethod": "GET"},
    "a request of nobody": {"httpMethod": "GET", "path": "/", "requestContext": {}},
    "test of EventBridge": {"detail-type": "Scheduled Event", "source": "aws.events"},
}


def load(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def modules(stack: MotoStack) -> dict[str, ModuleType]:
    stack.names["GalleryApiFunction.Version"] = API_VERSION
    return {folder: stack.handler(folder) for folder in EVENTS}


@pytest.mark.parametrize("folder", WIRED)
def test_every_event_of_another_function_is_refused_by_name(
    modules: dict[str, ModuleType], folder: str
):
    handler = modules[folder].handler if folder in modules else edge_handler
    of_others = {other: load(name) for other, name in WIRED.items() if other != folder}
    for source, event in (of_others | NONSENSE).items():
        if source == "no records" and folder in READERS_OF_RECORDS:
            continue  # an empty batch is valid
        with pytest.raises(Exception, match=f"^{folder} expects .*Check what invokes it") as raised:
            handler(event, LambdaContext())
        assert type(raised.value).__name__.startswith("Unexpected"), source
