"""Functions as CloudFormation hands them to Lambda; runs inside ministack's process."""

from collections.abc import Mapping
from typing import Any


def install() -> None:
    """Wrap the handlers that create and update a function of a stack.

    ministack keeps an environment value as the template's number or boolean, which no process can
    be started with, and drops the function's dead-letter queue.
    """
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]  # noqa: SLF001
    create, update = handlers["create"], handlers["update"]

    def keep_dead_letter_queue(name: str, properties: Mapping[str, Any]) -> None:
        config = lambda_svc._functions[name]["config"]  # noqa: SLF001
        config.pop("DeadLetterConfig", None)
        if "DeadLetterConfig" in properties:
            config["DeadLetterConfig"] = properties["DeadLetterConfig"]

    def create_function(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        created = create(logical_id, with_text_environment(properties), stack)
        keep_dead_letter_queue(created[0], properties)
        return created

    def update_function(
        name: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> Any:
        updated = update(name, old, with_text_environment(new), stack, logical_id)
        keep_dead_letter_queue(updated[0], new)
        return updated

    handlers["create"], handlers["update"] = create_function, update_function


def with_text_environment(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A function's properties with each environment value as the string that Lambda gives."""
    environment = properties.get("Environment") or {}
    variables = environment.get("Variables") or {}
    text = {name: _as_text(value) for name, value in variables.items()}
    return {**properties, "Environment": {**environment, "Variables": text}}


def _as_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e16:
            return str(int(value))
        case _:
            return str(value)
