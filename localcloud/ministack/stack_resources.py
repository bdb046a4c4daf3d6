"""Completes resources that ministack's CloudFormation has created; runs inside its process."""

from collections.abc import Callable
from typing import Any

type Properties = dict[str, Any]


def extend(
    resource_type: str,
    complete: Callable[[str, Properties], None],
    prepare: Callable[[Properties], Properties] = lambda properties: properties,
) -> None:
    """Wrap the handlers that create and update resources of a type.

    They get what `prepare` makes of the properties. After them, `complete` gets the physical id and
    the properties as the template has them.
    """
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS[resource_type]  # noqa: SLF001
    create, update = handlers["create"], handlers["update"]

    def create_and_complete(logical_id: str, properties: Properties, stack: str) -> Any:
        created = create(logical_id, prepare(properties), stack)
        complete(created[0], properties)
        return created

    def update_and_complete(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> Any:
        updated = update(physical_id, old, prepare(new), stack, logical_id)
        complete(updated[0], new)
        return updated

    handlers["create"], handlers["update"] = create_and_complete, update_and_complete
