"""The parts of a DynamoDB client that the stream functions call, in memory, with faults.

tests/integration/functions/view_counter/test_tables.py compares it with moto.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

type Item = dict[str, Any]
type Hook = Callable[[str, dict[str, Any]], None]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
}


class ConditionalCheckFailedError(ClientError):
    """The client's ConditionalCheckFailedException."""


class Tables:
    """A client on tables that exist as soon as they are written to.

    `before` and `after` are called before and after each operation, and may raise. `busy` may
    return the reason for which an action of a transaction is refused. `calls` counts operations.
    """

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedError)

    def __init__(self, **keys: tuple[str, ...]) -> None:
        """`keys` names each table's key attributes."""
        self._keys = keys
        self._items: dict[str, dict[tuple[str, ...], Item]] = {table: {} for table in keys}
        self.calls: Counter[str] = Counter()
        self.before: Hook = lambda *_: None
        self.after: Hook = lambda *_: None
        self.busy: Callable[[Item], str | None] = lambda _: None

    def items(self, table: str) -> Iterator[Item]:
        """Every item, in the order of the keys."""
        return (dict(item) for _, item in sorted(self._items[table].items()))

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._one("PutItem", request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("GetItem", request, lambda: self._found(request))

    def transact_get_items(self, **request: Any) -> dict[str, Any]:
        actions = [action["Get"] for action in request["TransactItems"]]
        self._check(actions)
        return self._call(
            "TransactGetItems",
            request,
            lambda: {"Responses": [self._found(action) for action in actions]},
        )

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        return self._call("TransactWriteItems", request, lambda: self._transact(request))

    def _call(
        self, operation: str, request: dict[str, Any], act: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        self.calls[operation] += 1
        self.before(operation, request)
        answer = act()
        self.after(operation, request)
        return answer

    def _one(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            if reason := self._refusal(request):
                response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, **reason}
                raise ConditionalCheckFailedError(response, operation)
            self._apply(request)
            return {}

        return self._call(operation, request, act)

    def _transact(self, request: dict[str, Any]) -> dict[str, Any]:
        actions = [body for action in request["TransactItems"] for body in action.values()]
        self._check(actions)
        reasons = [
            {"Code": code} if (code := self.busy(action)) else self._refusal(action)
            for action in actions
        ]
        if any(reasons):
            error = {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"}
            listed = [reason or {"Code": "None"} for reason in reasons]
            response: Any = {"Error": error, "CancellationReasons": listed}
            raise ClientError(response, "TransactWriteItems")
        for action in actions:
            self._apply(action)
        return {}

    def _check(self, actions: list[Item]) -> None:
        keys = {(action["TableName"], self._key(action)) for action in actions}
        if len(actions) > 100 or len(keys) < len(actions):
            error: Any = {"Error": {"Code": "ValidationException", "Message": "too many"}}
            raise ClientError(error, "Transaction")

    def _key(self, action: Item) -> tuple[str, ...]:
        key = action.get("Key") or action["Item"]
        return tuple(key[name]["S"] for name in self._keys[action["TableName"]])

    def _found(self, action: Item) -> dict[str, Any]:
        item = self._items[action["TableName"]].get(self._key(action))
        return {} if item is None else {"Item": dict(item)}

    def _refusal(self, action: Item) -> dict[str, Any] | None:
        item = self._found(action).get("Item", {})
        return None if holds(action, item) else {"Code": "ConditionalCheckFailed"}

    def _apply(self, action: Item) -> None:
        key = self._key(action)
        items = self._items[action["TableName"]]
        if "Item" in action:
            items[key] = dict(action["Item"])
        else:
            items[key] = updated(action, items.get(key) or action["Key"])


def holds(action: Mapping[str, Any], item: Item) -> bool:
    """Whether the condition is met: comparisons and attribute_not_exists under one AND or OR."""
    condition = action.get("ConditionExpression")
    if condition is None:
        return True
    names = action.get("ExpressionAttributeNames", {})

    def term(text: str) -> bool:
        if absent := re.fullmatch(r"attribute_not_exists\((\S+)\)", text):
            return names.get(absent[1], absent[1]) not in item
        name, comparison, value = text.split()
        stored = item.get(names.get(name, name))
        if stored is None:
            return False
        [(type_, left)] = stored.items()
        right = action["ExpressionAttributeValues"][value][type_]
        if type_ == "N":
            left, right = int(left), int(right)
        return _COMPARISONS[comparison](left, right)

    assert not (" AND " in condition and " OR " in condition)
    if " OR " in condition:
        return any(map(term, condition.split(" OR ")))
    return all(map(term, condition.split(" AND ")))


def updated(action: Mapping[str, Any], item: Item) -> Item:
    """The item after `ADD a :a, b :b SET c = :c`."""
    names = action.get("ExpressionAttributeNames", {})
    values = action["ExpressionAttributeValues"]
    adds, _, sets = action["UpdateExpression"].partition(" SET ")
    item = dict(item)
    for add in adds.removeprefix("ADD ").split(", "):
        name, value = add.split()
        name = names.get(name, name)
        [(type_, amount)] = values[value].items()
        old = item.get(name, {}).get(type_)
        if type_ == "N":
            item[name] = {"N": str(int(old or 0) + int(amount))}
        else:
            item[name] = {type_: sorted({*(old or ()), *amount})}
    for assignment in filter(None, sets.split(", ")):
        name, value = assignment.split(" = ")
        item[names.get(name, name)] = values[value]
    return item
