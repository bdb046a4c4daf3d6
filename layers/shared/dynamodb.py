"""Conversion of structs to DynamoDB items and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class _Deserializer(TypeDeserializer):
    """Converts numbers to int: this application stores no fractions."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def to_item(values: msgspec.Struct | Mapping[str, Any]) -> dict[str, "AttributeValueTypeDef"]:
    """A struct or mapping as a DynamoDB item, without the defaults that the struct omits."""
    return {name: _serialize(value) for name, value in msgspec.to_builtins(values).items()}


def from_item[T](item: Mapping[str, "AttributeValueTypeDef"], type_: type[T]) -> T:
    """A DynamoDB item as a struct.

    Raises:
        msgspec.ValidationError: the item does not have the shape of `type_`.
    """
    return msgspec.convert({name: _deserialize(value) for name, value in item.items()}, type_)
