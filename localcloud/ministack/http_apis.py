"""HTTP APIs as API Gateway serves them; `install` runs inside ministack's process.

ministack ignores the OpenAPI body, so an HTTP API of a SAM template has no routes there. It shows
the caller the error of a function, which AWS does not.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.ministack.stack_resources import extend

_ANY: Final = "x-amazon-apigateway-any-method"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", _ANY)
_INTEGRATION: Final = "x-amazon-apigateway-integration"
_AUTHORIZER: Final = "x-amazon-apigateway-authorizer"
_ADDRESS: Final = re.compile(r"/_aws/execute-api/[^/]+")


@dataclass(frozen=True)
class Route:
    """A route with its integration, named as in CreateRoute and CreateIntegration."""

    key: str
    integration: Mapping[str, Any]
    authorizer: str | None  # a name, or AWS_IAM
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class HttpApi:
    """What an OpenAPI body defines."""

    routes: tuple[Route, ...]
    authorizers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cors: Mapping[str, Any] | None = None


def install() -> None:
    """Wrap the handlers that create and update an HTTP API of a stack, and its invocations."""
    from ministack import app  # noqa: PLC0415 - not in the development environment
    from ministack.services import apigateway  # noqa: PLC0415 - not in the development environment

    def define(api_id: str, properties: Mapping[str, Any]) -> None:
        if isinstance(properties.get("Body"), dict):
            _define(apigateway, api_id, from_openapi(properties["Body"]))

    extend("AWS::ApiGatewayV2::Api", define)
    _accept_address_without_path(app)
    _hide_function_errors(apigateway)


def _accept_address_without_path(app: Any) -> None:
    """Without it, a request for an API's address as `up` prints it goes to S3."""
    parse = app._parse_execute_api_url  # noqa: SLF001

    def parse_with_slash(host: str, path: str) -> Any:
        return parse(host, f"{path}/" if _ADDRESS.fullmatch(path) else path)

    app._parse_execute_api_url = parse_with_slash  # noqa: SLF001


def _hide_function_errors(apigateway: Any) -> None:
    """Answer a function error of an HTTP API or a function URL without its message."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment

    answer_of = lambda_svc.lambda_execute_result_to_api_proxy_response
    answer_to_error: ContextVar[dict[str, Any] | None] = ContextVar("answer_to_error", default=None)

    def answering(answer: dict[str, Any], handle: Any) -> Any:
        async def handle_with_answer(*request: Any, **options: Any) -> Any:
            token = answer_to_error.set(answer)
            try:
                return await handle(*request, **options)
            finally:
                answer_to_error.reset(token)

        return handle_with_answer

    def answer_result(result: Mapping[str, Any]) -> Any:
        answer = answer_to_error.get()
        return (answer, None) if answer and result.get("error") else answer_of(result)

    apigateway._invoke_lambda_proxy = answering(  # noqa: SLF001
        {"statusCode": 500, "body": json.dumps({"message": "Internal Server Error"})},
        apigateway._invoke_lambda_proxy,  # noqa: SLF001
    )
    lambda_svc.handle_function_url_request = answering(
        {"statusCode": 502, "body": "Internal Server Error"},
        lambda_svc.handle_function_url_request,
    )
    lambda_svc.lambda_execute_result_to_api_proxy_response = answer_result


def _define(apigateway: Any, api_id: str, api: HttpApi) -> None:
    """Replace the routes, integrations and authorizers that an API has."""
    ids: dict[str, str] = {}
    apigateway._authorizers[api_id] = {}  # noqa: SLF001
    for name, authorizer in api.authorizers.items():
        apigateway._create_authorizer(api_id, {**authorizer, "name": name})  # noqa: SLF001
        ids[name] = list(apigateway._authorizers[api_id])[-1]  # noqa: SLF001
    apigateway._routes[api_id], apigateway._integrations[api_id] = {}, {}  # noqa: SLF001
    for route in api.routes:
        apigateway._create_integration(api_id, dict(route.integration))  # noqa: SLF001
        integration = list(apigateway._integrations[api_id])[-1]  # noqa: SLF001
        data: dict[str, Any] = {"routeKey": route.key, "target": f"integrations/{integration}"}
        if route.authorizer == "AWS_IAM":
            data["authorizationType"] = "AWS_IAM"
        elif route.authorizer:
            kind = api.authorizers[route.authorizer]["authorizerType"]
            data["authorizationType"] = "JWT" if kind == "JWT" else "CUSTOM"
            data["authorizerId"] = ids[route.authorizer]
            data["authorizationScopes"] = list(route.scopes)
        apigateway._create_route(api_id, data)  # noqa: SLF001
    if api.cors:
        apigateway._apis[api_id]["corsConfiguration"] = dict(api.cors)  # noqa: SLF001


def from_openapi(body: Mapping[str, Any]) -> HttpApi:
    """What an OpenAPI definition with API Gateway's extensions says."""
    schemes = body.get("components", {}).get("securitySchemes", {})
    authorizers = {
        name: _authorizer(scheme[_AUTHORIZER])
        for name, scheme in schemes.items()
        if _AUTHORIZER in scheme
    }
    routes = tuple(_routes(body.get("paths", {}), body.get("security", []), authorizers))
    return HttpApi(routes, authorizers, body.get("x-amazon-apigateway-cors"))


def _routes(
    paths: Mapping[str, Any], security: list[Any], authorizers: Mapping[str, Any]
) -> Iterator[Route]:
    for path, operations in paths.items():
        for method in _METHODS:
            operation = operations.get(method)
            if not isinstance(operation, dict) or _INTEGRATION not in operation:
                continue
            name, scopes = None, ()
            for requirement in operation.get("security", security):
                for each, wanted in requirement.items():
                    if each == "AWS_IAM" or each in authorizers:
                        name, scopes = each, tuple(wanted)
            key = f"{'ANY' if method == _ANY else method.upper()} {path}"
            if operation.get("isDefaultRoute") or path == "/$default":
                key = "$default"
            yield Route(key, _integration(operation[_INTEGRATION]), name, scopes)


def _integration(written: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "uri": "integrationUri",
        "httpMethod": "integrationMethod",
        "payloadFormatVersion": "payloadFormatVersion",
        "timeoutInMillis": "timeoutInMillis",
        "requestParameters": "requestParameters",
        "responseParameters": "responseParameters",
    }
    found = {names[name]: value for name, value in written.items() if name in names}
    return {"integrationType": str(written.get("type", "")).upper(), **found}


def _authorizer(written: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "jwtConfiguration": "jwtConfiguration",
        "authorizerUri": "authorizerUri",
        "authorizerPayloadFormatVersion": "authorizerPayloadFormatVersion",
        "authorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
        "enableSimpleResponses": "enableSimpleResponses",
        "authorizerCredentials": "authorizerCredentialsArn",
    }
    found = {names[name]: value for name, value in written.items() if name in names}
    sources = written.get("identitySource", [])
    sources = sources.split(",") if isinstance(sources, str) else sources
    found["authorizerType"] = "JWT" if written.get("type") == "jwt" else "REQUEST"
    return {**found, **({"identitySource": [each.strip() for each in sources]} if sources else {})}
