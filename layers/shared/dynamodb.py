"""Conversion of structs to DynamoDB items and back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class _UnreadableValue:
    """A value that none of our attributes has. It fits no type, and is ignored in foreign ones."""


class _Deserializer(TypeDeserializer):
    """Converts whole numbers to int, and what it cannot read to an `_UnreadableValue`.

    An event has binaries as base64 text. This application stores none where it reads events.
    """

    def deserialize(self, value: Any) -> Any:
        try:
            [_] = value.items()  # one type
            return super().deserialize(value)
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            return _UnreadableValue()

    def _deserialize_n(self, value: str) -> int | Decimal:
        if not isinstance(value, str):
            raise TypeError("a number that is not text")
        try:
            return int(value)
        except ValueError:  # a fraction, or more digits than Python converts
            return Decimal(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def to_item(values: msgspec.Struct | Mapping[str, Any]) -> dict[str, "AttributeValueTypeDef"]:
    """A struct or mapping as a DynamoDB item, without the defaults that the struct omits."""
    return {name: _serialize(value) for name, value in msgspec.to_builtins(values).items()}


def from_item[T](item: Mapping[str, "AttributeValueTypeDef"], type_: type[T]) -> T:
    """A DynamoDB item as a struct, which ignores attributes that are not its own.

    Raises:
        msgspec.ValidationError: the item does not have the shape of `type_`.
    """
    if not isinstance(item, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(item).__name__}`")
    return msgspec.convert({name: _deserialize(value) for name, value in item.items()}, type_)
