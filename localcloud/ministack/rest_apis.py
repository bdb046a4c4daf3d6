"""Keeps what ministack loses of REST APIs: parts of the OpenAPI body, the id, the Referer header,
and the request limits when the clock was set back.

Runs inside ministack's process.
"""

import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from localcloud.ministack.rest_api_bodies import read_body, with_short_any

_POLICY: Final = "x-amazon-apigateway-policy"


def install() -> None:
    """Replace the functions of ministack that lose parts of a body, an id, a Referer or time."""
    _keep_all_of_body()
    _keep_id_of_api()
    _check_policy_with_referer()
    _throttle_after_clock_was_set_back()


def _keep_all_of_body() -> None:
    """Take from the OpenAPI body, as API Gateway does, what ministack drops of it.

    These are the resource policy, gateway responses, request validators and models, and methods for
    ANY.
    """
    from ministack.services import apigateway_v1  # noqa: PLC0415

    import_rest_api = apigateway_v1._import_rest_api  # noqa: SLF001

    def import_all(body: dict[str, Any], settings: dict[str, Any] | None = None) -> Any:
        policy = {"policy": json.dumps(body[_POLICY])} if _POLICY in body else {}
        api_id = import_rest_api(with_short_any(body), {**(settings or {}), **policy})
        _define(apigateway_v1, api_id, body)
        return api_id

    apigateway_v1._import_rest_api = import_all  # noqa: SLF001
    apigateway_v1._OPENAPI_HTTP_METHODS.add("any")  # noqa: SLF001


def _define(apigateway: Any, api_id: str, body: dict[str, Any]) -> None:
    """Define gateway responses, models and validators, and what each method requires."""
    found = read_body(body)
    for kind, response in found.gateway_responses.items():
        apigateway._put_gateway_response(api_id, kind, response)  # noqa: SLF001
    for name, schema in found.models.items():
        data = {"name": name, "schema": json.dumps(schema)}
        apigateway._create_model(api_id, data)  # noqa: SLF001
    validators = {}
    for name, settings in found.validators.items():
        answer = apigateway._create_request_validator(api_id, {"name": name, **settings})  # noqa: SLF001
        validators[name] = json.loads(answer[2])["id"]
    resources = {
        each["path"]: each
        for each in apigateway._resources[api_id].values()  # noqa: SLF001
    }
    for request in found.methods:
        path = f"/{request.path.strip('/')}"
        method = resources[path]["resourceMethods"][request.method]
        method["requestParameters"] = dict(request.parameters)
        method["requestModels"] = dict(request.models)
        method["requestValidatorId"] = validators.get(request.validator or "")


def _keep_id_of_api() -> None:
    """Import a changed body into the existing API, as PutRestApi does.

    ministack creates another API and deletes the first one, so callers of the old id fail.
    """
    from ministack.services import apigateway_v1  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]  # noqa: SLF001
    update = handlers["update"]
    defined_by_body = (
        apigateway_v1._rest_apis,  # noqa: SLF001
        apigateway_v1._resources,  # noqa: SLF001
        apigateway_v1._authorizers_v1,  # noqa: SLF001
        apigateway_v1._models,  # noqa: SLF001
        apigateway_v1._gateway_responses,  # noqa: SLF001
        apigateway_v1._request_validators,  # noqa: SLF001
    )

    def update_in_place(
        api_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> Any:
        if new.get("Body") == old.get("Body"):
            return update(api_id, old, new, stack, logical_id)
        imported, _ = handlers["create"](logical_id, new, stack)
        for records in defined_by_body:
            records[api_id] = records.get(imported, {})
        apigateway_v1._rest_apis[api_id]["id"] = api_id  # noqa: SLF001
        apigateway_v1._delete_rest_api(imported)  # noqa: SLF001
        return api_id, provisioners._apigw_rest_api_attrs(api_id)  # noqa: SLF001

    handlers["update"] = update_in_place


def _check_policy_with_referer() -> None:
    """Evaluate the policy with `aws:Referer`, and for routes with a Cognito authorizer too.

    ministack evaluates it only for routes without authorization, and passes no header of the
    request. API Gateway also evaluates it for other routes, after the authorizer accepts the token.
    """
    from ministack.core import iam_evaluator  # noqa: PLC0415
    from ministack.services import apigateway_v1  # noqa: PLC0415

    header_of_request: ContextVar[str] = ContextVar("referer", default="")
    authorize = apigateway_v1._authorize_request_v1  # noqa: SLF001
    evaluate = iam_evaluator.evaluate_resource_policy

    def evaluate_with_referer(document: Any, context: Any, *rest: Any, **options: Any) -> Any:
        if referer := header_of_request.get():
            context.service_context["aws:referer"] = referer
        return evaluate(document, context, *rest, **options)

    async def authorize_by_policy_too(*request: Any) -> Any:
        api, stage, method_settings, method, path, _, headers, *_, account, region = request
        token = header_of_request.set(apigateway_v1._header_ci(headers, "referer"))  # noqa: SLF001
        try:
            error, authorizer = await authorize(*request)
            if error is None and method_settings["authorizationType"] == "COGNITO_USER_POOLS":
                error = apigateway_v1._anonymous_policy_error(  # noqa: SLF001
                    api, stage, method, path, account, region
                )
            return error, authorizer
        finally:
            header_of_request.reset(token)

    iam_evaluator.evaluate_resource_policy = evaluate_with_referer
    apigateway_v1._authorize_request_v1 = authorize_by_policy_too  # noqa: SLF001


def _throttle_after_clock_was_set_back() -> None:
    """Begin with full limits again when the wall clock was set back, as a suspended laptop may.

    ministack would subtract the tokens of that time, and answer 429 until they are there again.
    """
    from ministack.services import apigateway_v1  # noqa: PLC0415

    take_token = apigateway_v1._take_token  # noqa: SLF001

    def take(slot: Any, limits: Mapping[str, Any]) -> Any:
        _, last = apigateway_v1._throttle_state.get(slot, (0, 0))  # noqa: SLF001
        if last > time.time():
            del apigateway_v1._throttle_state[slot]  # noqa: SLF001
        return take_token(slot, limits)

    apigateway_v1._take_token = take  # noqa: SLF001
