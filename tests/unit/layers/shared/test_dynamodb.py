"""Items with attributes, or types of them, that this application does not write."""

from typing import Any

import msgspec
import pytest

from shared.dynamodb import from_item, to_item
from shared.photos import Photo
from tests.support.photos import READY_PHOTO

VALUES: dict[str, Any] = {
    "binary in an event": {"B": "aGFyYm91cg=="},
    "binary from boto3": {"B": b"harbour"},
    "set of binaries in an event": {"BS": ["aGFyYm91cg=="]},
    "set of binaries from boto3": {"BS": [b"harbour"]},
    "set of texts": {"SS": ["a", "b"]},
    "set of numbers": {"NS": ["1", "1.5"]},
    "fraction": {"N": "1.5"},
    "power": {"N": "1E+100"},
    "huge power": {"N": "1E+999999999"},
    "many digits": {"N": "9" * 5000},
    "text as a number": {"N": "one"},
    "not a number": {"N": "NaN"},
    "no type": {},
    "two types": {"S": "a", "N": "1"},
    "unknown type": {"X": "1"},
    "text in place of a mapping": "a",
    "nothing": None,
    "list of fractions": {"L": [{"N": "1.5"}, {"B": "aGk="}, {"X": 1}]},
    "map of binaries": {"M": {"a": {"B": "aGk="}, "b": "c"}},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_foreign_attribute_is_ignored_whatever_its_type(value: Any):
    item = to_item(READY_PHOTO)
    assert from_item({**item, "of_another_tool": value}, Photo) == READY_PHOTO
    thumb: Any = item["renditions"]["M"]["thumb"]["M"]
    with_thumb = {"M": {"thumb": {"M": {**thumb, "of_another_tool": value}}}}
    assert from_item({**item, "renditions": with_thumb}, Photo) == READY_PHOTO


@pytest.mark.parametrize("name", ["title", "version", "renditions", "status"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_own_attribute_of_another_type_is_a_validation_error(name: str, value: Any):
    with pytest.raises(msgspec.ValidationError):
        from_item({**to_item(READY_PHOTO), name: value}, Photo)


@pytest.mark.parametrize("item", [None, [], "item", 1])
def test_value_that_is_not_an_item_is_a_validation_error(item: Any):
    with pytest.raises(msgspec.ValidationError):
        from_item(item, Photo)


def test_rows_of_any_shape_keep_their_numbers():
    item: Any = {"views": {"N": "7"}, "share": {"N": "0.5"}, "receipts": {"BS": [b"a", b"b"]}}
    row = from_item(item, dict)
    assert (row["views"], float(row["share"])) == (7, 0.5)
    assert isinstance(row["views"], int)
