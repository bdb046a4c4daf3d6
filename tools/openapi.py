"""`python -m tools.openapi`: writes docs/openapi.json from the template and the API's source.

Paths, methods, parameters, request bodies and authorizers are read from the template, and schemas
from the models. Summaries and answers are read from the source of the routes, which is not run.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec

from gallery_api import models
from gallery_api.problems import FieldError, Problem
from shared.photo_ids import PHOTO_ID
from tools.openapi_examples import EXAMPLES
from tools.translate import load_template

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "openapi.json"
ROUTES: Final = ROOT / "functions" / "gallery_api" / "routes"
TAGS: Final = {
    "photos": "Create, get, list and delete photos.",
    "views": "Record and get views of a photo.",
    "health": "The version and the region of the API.",
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "photo_id": {
        "description": "The id of a photo, from the answer to `POST /photos`.",
        "schema": {"type": "string", "pattern": f"^{PHOTO_ID.pattern}$"},
        "example": EXAMPLES["photo_id"],
    },
    "limit": {
        "description": "The maximum number of photos in the page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30},
        "example": 10,
    },
    "cursor": {
        "description": "The cursor of the previous page, unchanged. Its content is not specified.",
        # A UUID of version 7 as exactly 22 characters of base64url.
        "schema": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{8}[c-f][A-Za-z0-9_-][CGKOSWaeimquy26-]"
            "[A-Za-z0-9_-]{10}[AQgw]$",
        },
        "example": EXAMPLES["cursor"],
    },
    "Idempotency-Key": {
        "description": "A repeated request of the same user, with the same key and body, gets the"
        " answer of the first one for 14 minutes.",
        "schema": {"type": "string", "pattern": "^[ -~]*$", "minLength": 1, "maxLength": 255},
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
}
_OWN_HEADERS: Final = {"create_photo": ("Idempotency-Key",)}
_OWN_PROBLEMS: Final = {"create_photo": (409, 413, 415, 422), "delete_photo": (403,)}
_PROBLEMS: Final = {
    400: "The request does not conform to this document; `detail` says where.",
    401: "The request has no valid ID token.",
    403: "The photo belongs to another user.",
    404: "The photo does not exist, or was deleted.",
    409: "Another request with this `Idempotency-Key` is in progress.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "This `Idempotency-Key` was used with another body.",
    429: "Too many requests.",
    500: "An internal error; it has been logged.",
    503: "The API is busy, or the operation has not finished: repeat the request after a moment.",
    504: "The API did not answer in time.",
}
_ANSWER_HEADERS: Final[dict[int, dict[str, Any]]] = {
    201: {"Location": {"description": "Path of the new photo.", "schema": {"type": "string"}}},
    **{
        status: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
        for status in (409, 429, 503)
    },
}
_UNCHANGED: Final = "Not Modified: `If-None-Match` has the ETag of the current answer"


class ApiRoute(msgspec.Struct, frozen=True):
    """A function of the API that answers one method of one path, as read from its source."""

    name: str
    method: str
    path: str
    docstring: str
    model: str
    status: int
    tag: str
    is_cached: bool


def routes() -> Iterator[ApiRoute]:
    """All routes: functions with a decorator such as `@router.get("/photos")`."""
    for file in sorted(ROUTES.glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name("router"), attr=method),
                        args=[ast.Constant(str(path))],
                    ):
                        yield _route(node, method.upper(), re.sub("<(.+?)>", r"{\1}", path))


def _route(node: ast.FunctionDef, method: str, path: str) -> ApiRoute:
    if node.returns is None:
        raise ValueError(f"{node.name} has no return annotation: add the model that it answers")
    wrapped = re.search(r"\[(\w+)\]", ast.unparse(node.returns))
    statuses = re.findall(r"status_code=HTTPStatus\.(\w+)", ast.unparse(node))
    return ApiRoute(
        name=node.name,
        method=method,
        path=path,
        docstring=ast.get_docstring(node) or "",
        model=wrapped[1] if wrapped else ast.unparse(node.returns),
        status=HTTPStatus[statuses[0]] if statuses else HTTPStatus.OK,
        tag=next((tag for tag in TAGS if path.endswith(f"/{tag}")), "photos"),
        is_cached=bool(re.search(r"\bcached\(", ast.unparse(node))),
    )


def document() -> dict[str, Any]:
    """The whole document."""
    resources = load_template()["Resources"]
    events = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"]
        for event in resources["GalleryApiFunction"]["Properties"]["Events"].values()
    }
    by_address = {(route.method, route.path): route for route in routes()}
    if events.keys() != by_address.keys():
        raise ValueError(
            f"template.yaml and functions/gallery_api/routes differ in"
            f" {events.keys() ^ by_address.keys()}: add the missing ones"
        )
    paths: dict[str, Any] = {}
    for (method, path), event in sorted(events.items(), key=lambda each: each[0][::-1]):
        paths.setdefault(path, {})[method.lower()] = _operation(by_address[method, path], event)
    [(authorizer, _)] = resources["GalleryApi"]["Properties"]["Auth"]["Authorizers"].items()
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The ID token of a signed-in user, without the prefix `Bearer`.",
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lambda Gallery",
            "version": "1",
            "description": "Photos, their renditions and their views. Errors are problem documents"
            " (RFC 9457). Times are ISO 8601 in UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api", "description": "On the host of the gallery."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {_component(status): _problem(status) for status in _PROBLEMS},
            "securitySchemes": {authorizer: scheme},
        },
    }


def _operation(route: ApiRoute, event: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, more = route.docstring.partition("\n\n")
    parameters = [*_parameters(route, event)]
    authorizer = event.get("Auth", {}).get("Authorizer")
    body = event.get("RequestModel")
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": " ".join(summary.split()),
        "description": " ".join(more.split()),
        "tags": [route.tag],
        "security": [{authorizer: []}] if authorizer else [],
        "parameters": parameters,
    }
    if body:
        operation["requestBody"] = {
            "required": body["Required"],
            "content": {"application/json": _content(body["Model"])},
        }
    problems = {429, 500, 503, 504, *_OWN_PROBLEMS.get(route.name, ())}
    problems |= {401} if authorizer else set()
    problems |= {404} if "{" in route.path else set()
    problems |= {400} if body or any(each["in"] == "query" for each in parameters) else set()
    unchanged = {"304": {"description": _UNCHANGED}} if route.is_cached else {}
    operation["responses"] = (
        {str(route.status): _answer(route)}
        | unchanged
        | {
            str(status): {"$ref": f"#/components/responses/{_component(status)}"}
            for status in sorted(problems)
        }
    )
    return {name: value for name, value in operation.items() if value or name == "security"}


def _parameters(route: ApiRoute, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    places = {"querystring": "query", "path": "path", "header": "header"}
    declared = {
        name: bool(settings["Required"])
        for parameter in event.get("RequestParameters", [])
        for name, settings in parameter.items()
    }
    own = {f"method.request.header.{name}": False for name in _OWN_HEADERS.get(route.name, ())}
    for name, required in (own | declared).items():
        _, _, place, short = name.split(".")
        yield {
            "name": short,
            "in": places[place],
            "required": required,
            **_PARAMETERS[short],
        }


def _answer(route: ApiRoute) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if headers := _ANSWER_HEADERS.get(route.status):
        answer["headers"] = headers
    if route.status != HTTPStatus.NO_CONTENT:
        answer["content"] = {"application/json": _content(route.model)}
    return answer


def _component(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _problem(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    schema = {"$ref": "#/components/schemas/Problem"}
    problem = {
        "description": _PROBLEMS[status],
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    return problem | ({"headers": _ANSWER_HEADERS[status]} if status in _ANSWER_HEADERS else {})


def _content(model: str) -> dict[str, Any]:
    if model not in EXAMPLES:
        raise ValueError(f"tools/openapi_examples.py has no example of {model}: add one to _MODELS")
    return {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": EXAMPLES[model]}


def _schemas() -> dict[str, Any]:
    """Schemas of the models; in answers all fields are required, also those with a default."""
    named = {route.model for route in routes() if route.status != HTTPStatus.NO_CONTENT}
    types = [getattr(models, name) for name in sorted(named)]
    _, schemas = msgspec.json.schema_components(
        [models.NewPhoto, Problem, FieldError, *types],
        ref_template="#/components/schemas/{name}",
    )
    for name, schema in schemas.items():
        if name not in {"NewPhoto", "Problem"} and "properties" in schema:
            schema["required"] = [*schema["properties"]]
            for field in schema["properties"].values():
                field.pop("default", None)
    # Problems from API Gateway have fewer fields than those from the function.
    schemas["Problem"]["required"] = ["type", "title"]
    return dict(sorted(schemas.items()))


def main() -> None:
    try:
        text = json.dumps(document(), indent=2, ensure_ascii=False)
    except ValueError as error:
        sys.exit(f"openapi: {error}")
    DOCUMENT.write_text(text + "\n")


if __name__ == "__main__":
    main()
