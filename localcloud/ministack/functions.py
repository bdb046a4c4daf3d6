"""Functions as CloudFormation and Lambda's API know them; runs inside ministack's process."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from localcloud.ministack.stack_resources import extend

_OF_TEMPLATE: Final = "concurrency_of_template"
_NAMED_URL: Final = re.compile(r"(/[^/]+/functions/)(url)")


def install() -> None:
    """Wrap the handlers that create and update a function of a stack, and Lambda's API.

    ministack keeps an environment value as the template's number or boolean, although a process
    needs strings. It drops the function's dead-letter queue and reserved concurrency, what makes it
    durable, and the log group that Lambda chooses for a LoggingConfig without one. It takes each
    request about a function whose name begins with `url` for one about a function URL. The ARN in a
    function URL's configuration lacks the alias.
    """
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment

    def complete(name: str, properties: Mapping[str, Any]) -> None:
        function = lambda_svc._functions[name]  # noqa: SLF001
        _reserve(function, properties.get("ReservedConcurrentExecutions"))
        config = function["config"]
        config["LoggingConfig"] = {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{name}",
            **properties.get("LoggingConfig", {}),
        }
        for setting in ("DeadLetterConfig", "DurableConfig"):
            config.pop(setting, None)
            if setting in properties:
                config[setting] = properties[setting]

    extend("AWS::Lambda::Function", complete, with_text_environment)
    handle = lambda_svc.handle_request

    async def handle_by_arn(method: str, path: str, *request: Any) -> Any:
        prefix = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:"
        return await handle(method, _NAMED_URL.sub(rf"\1{prefix}\2", path, count=1), *request)

    lambda_svc.handle_request = handle_by_arn
    create_url = lambda_svc._create_function_url_config  # noqa: SLF001

    def create_url_of_alias(name: str, data: dict[str, Any], qualifier: str | None) -> Any:
        answer = create_url(name, data, qualifier)
        config = lambda_svc._function_urls.get(f"{name}:{qualifier}")  # noqa: SLF001
        if answer[0] != HTTPStatus.CREATED or config is None:
            return answer
        config["FunctionArn"] += f":{qualifier}"
        return lambda_svc.json_response(config, status=HTTPStatus.CREATED.value)

    lambda_svc._create_function_url_config = create_url_of_alias  # noqa: SLF001


def _reserve(function: dict[str, Any], number: Any) -> None:
    """Set the template's reserved concurrency; without it, keep one that was set by the API."""
    if number is not None:
        function["concurrency"] = int(number)
    elif function.get(_OF_TEMPLATE):
        function["concurrency"] = None
    function[_OF_TEMPLATE] = number is not None


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
