"""Event source mappings in ministack: it stores them, and localcloud's engines run them.

Runs inside ministack's process. If ministack polled too, records would be delivered twice.
"""

from typing import Any

type Properties = dict[str, Any]
type Created = tuple[str, dict[str, str]]


def install() -> None:
    """Switch ministack's pollers off, and set the state of a mapping as its template says."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    lambda_svc._poll_kinesis = _poll_nothing  # noqa: SLF001
    lambda_svc._poll_sqs = _poll_nothing  # noqa: SLF001
    lambda_svc._poll_dynamodb_streams = _poll_nothing  # noqa: SLF001

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]  # noqa: SLF001
    create, update = handlers["create"], handlers["update"]

    def set_state(created: Created) -> Created:
        # ministack creates a mapping as enabled in any case, and takes the text "false" for true.
        mapping = lambda_svc._esms[created[0]]  # noqa: SLF001
        enabled = str(mapping["Enabled"]).lower() == "true"
        mapping |= {"Enabled": enabled, "State": "Enabled" if enabled else "Disabled"}
        return created

    def create_in_state(logical_id: str, properties: Properties, stack: str) -> Created:
        return set_state(create(logical_id, properties, stack))

    def update_in_state(uuid: str, old: Properties, new: Properties, stack: str) -> Created:
        return set_state(update(uuid, old, new, stack))

    handlers |= {"create": create_in_state, "update": update_in_state}


def _poll_nothing() -> bool:
    """Whether there was a record, as ministack's pollers answer."""
    return False
