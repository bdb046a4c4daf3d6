"""Conversion of structs to DynamoDB items and back."""

from collections.abc import Mapping
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# DynamoDB's numbers, with the limits of boto3. A text beyond them, such as 1E+999999999, is not a
# number that DynamoDB can have stored.
_NUMBER_RANGE: Final = Context(
    Emin=-128, Emax=126, prec=38, traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded]
)


class _UnreadableValue:
    """A value that we do not read. Only attributes that a struct ignores may have it."""


def to_item(values: msgspec.Struct | Mapping[str, Any]) -> dict[str, "AttributeValueTypeDef"]:
    """A struct or mapping as a DynamoDB item, without the defaults that the struct omits.

    Raises:
        TypeError: a value is a fraction, which this application does not store.
    """
    return {name: _serialize(value) for name, value in msgspec.to_builtins(values).items()}


def from_item[T](item: Mapping[str, "AttributeValueTypeDef"], type_: type[T]) -> T:
    """A DynamoDB item as a struct, which ignores attributes that are not its own.

    Raises:
        msgspec.ValidationError: the item does not have the shape of `type_`.
    """
    if not isinstance(item, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(item).__name__}`")
    values = {name: _deserialize(value) for name, value in item.items()}
    return cast("T", values) if type_ is dict else msgspec.convert(values, type_)


def _serialize(value: Any) -> "AttributeValueTypeDef":
    match value:
        case str():  # first, because most are
            return {"S": value}
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case list() | tuple():
            return {"L": [_serialize(each) for each in value]}
        case dict():
            return {"M": {name: _serialize(each) for name, each in value.items()}}
    raise TypeError(f"DynamoDB attribute of an unexpected type: {value!r}")


def _deserialize(value: Any) -> Any:
    """An attribute's value; an `_UnreadableValue` for other types and for numbers out of range.

    Binaries are of another type: an event has them as base64 text, an answer of DynamoDB as bytes.
    """
    if not isinstance(value, dict) or len(value) != 1:
        return _UnreadableValue()
    # Each attribute of each item comes here: a match of mappings would take three times as long.
    if isinstance(text := value.get("S"), str):
        return text
    if isinstance(text := value.get("N"), str):
        return _number(text)
    [(kind, content)] = value.items()
    if kind == "M" and isinstance(content, dict):
        return {name: _deserialize(each) for name, each in content.items()}
    if kind == "L" and isinstance(content, list):
        return [_deserialize(each) for each in content]
    if kind == "BOOL" and isinstance(content, bool):
        return content
    return None if kind == "NULL" else _UnreadableValue()


def _number(text: str) -> int | Decimal | _UnreadableValue:
    try:
        return int(text)
    except ValueError:  # a fraction, or more digits than Python converts
        pass
    try:
        return _NUMBER_RANGE.create_decimal(text)
    except ArithmeticError:
        return _UnreadableValue()
