import json
from typing import Any

import msgspec
import pytest

from shared.events import UnexpectedEventError, check_event


class Shape(msgspec.Struct):
    name: str
    note: str = ""


@pytest.mark.parametrize(
    "event",
    [
        r'{"\ud915": "name"}',
        r'{"\ud915": 1, "name": "a key before it"}',
        r'{"name": 1, "\ud915": 1}',
        "{}",
        "null",
    ],
)
def test_event_of_another_shape_is_refused_even_with_a_lone_surrogate(event: str):
    with pytest.raises(UnexpectedEventError, match="importer expects photos, and got another") as e:
        check_event("importer", "photos", json.loads(event), Shape)
    assert str(e.value).encode()


@pytest.mark.parametrize("text", [r'{"name": "\ud915"}', r'{"name": "a", "note": "\ud915"}'])
def test_lone_surrogate_in_a_value_is_left_to_the_caller(text: str):
    event: Any = json.loads(text)
    assert msgspec.structs.asdict(check_event("importer", "photos", event, Shape)) == {
        "note": "",
        **event,
    }
