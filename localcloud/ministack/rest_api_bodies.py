"""What the OpenAPI body of a REST API says about requests and about API Gateway's own responses.

ministack imports paths, integrations and authorizers only.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_RESPONSES: Final = "x-amazon-apigateway-gateway-responses"
_VALIDATORS: Final = "x-amazon-apigateway-request-validators"
_VALIDATOR: Final = "x-amazon-apigateway-request-validator"
_ANY: Final = "x-amazon-apigateway-any-method"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", _ANY)
_PARTS: Final = {"query": "querystring", "header": "header", "path": "path"}

type Json = Mapping[str, Any]


@dataclass(frozen=True)
class MethodRequest:
    """What a method requires of a request, named as in PutMethod."""

    path: str
    method: str
    validator: str | None
    parameters: Mapping[str, bool] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RestApiBody:
    """Gateway responses by type, validators, models and schemas by name, and all methods."""

    gateway_responses: Mapping[str, Json]
    validators: Mapping[str, Json]
    models: Mapping[str, Json]
    methods: tuple[MethodRequest, ...]


def read_body(body: Json) -> RestApiBody:
    """Read a body in OpenAPI 2 or 3."""
    reader = _Reader(body)
    methods = tuple(reader.methods())
    return RestApiBody(
        gateway_responses=body.get(_RESPONSES, {}),
        validators=body.get(_VALIDATORS, {}),
        models=reader.models,
        methods=methods,
    )


def with_short_any(body: Json) -> dict[str, Any]:
    """A body in which the methods for ANY are named `any`, which `rest_apis` adds to ministack."""
    paths = {
        path: {"any" if name == _ANY else name: value for name, value in item.items()}
        for path, item in body.get("paths", {}).items()
    }
    return {**body, "paths": paths}


class _Reader:
    def __init__(self, body: Json) -> None:
        self._body = body
        schemas = body.get("components", {}).get("schemas", {})
        definitions = body.get("definitions", {})
        # Each model contains all schemas, at the places that its references name.
        self._named = {"definitions": definitions, "components": {"schemas": schemas}}
        self.models = {
            name: {**schema, **self._named} for name, schema in {**definitions, **schemas}.items()
        }

    def methods(self) -> Iterator[MethodRequest]:
        for path, item in self._body.get("paths", {}).items():
            for method in _METHODS:
                operation = item.get(method)
                if not isinstance(operation, dict):
                    continue
                parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
                name = "ANY" if method == _ANY else method.upper()
                yield MethodRequest(
                    path=path,
                    method=name,
                    validator=operation.get(_VALIDATOR, self._body.get(_VALIDATOR)),
                    parameters={
                        f"method.request.{_PARTS[each['in']]}.{each['name']}": bool(
                            each.get("required")
                        )
                        for each in parameters
                        if each.get("in") in _PARTS
                    },
                    models=self._models_of(operation, parameters, f"{name}{path}"),
                )

    def _models_of(self, operation: Json, parameters: list[Json], name: str) -> dict[str, str]:
        content = operation.get("requestBody", {}).get("content", {})
        schemas = {kind: each.get("schema") for kind, each in content.items()}
        of_body = [each["schema"] for each in parameters if each.get("in") == "body"]
        if of_body:
            consumes = operation.get("consumes") or ["application/json"]
            schemas |= dict.fromkeys(consumes, of_body[0])
        return {kind: self._model(schema, name) for kind, schema in schemas.items() if schema}

    def _model(self, schema: Json, name: str) -> str:
        """The name of a schema's model; an inline schema gets a model named after its method."""
        reference = str(schema.get("$ref", "")).rpartition("/")[2]
        if reference in self.models:
            return reference
        self.models[name] = {**schema, **self._named}
        return name
