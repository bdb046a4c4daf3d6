"""`python -m tools.openapi`: docs/openapi.json, from the template's routes and the API's models.

Paths, methods, parameters, request bodies and who must be signed in are the template's; models are
msgspec's; what a route says of itself and answers is read from its source, which is not run.
"""

import ast
import json
import re
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
    "photos": "Photos, from the request that uploads them to their deletion.",
    "views": "How often a photo was looked at.",
    "health": "Which version answers, and where.",
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "photo_id": {
        "description": "A photo's id, as the API gave it out.",
        "schema": {"type": "string", "pattern": f"^{PHOTO_ID.pattern}$"},
        "example": EXAMPLES["photo_id"],
    },
    "limit": {
        "description": "The most photos that the page may have.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30},
        "example": 10,
    },
    "cursor": {
        "description": "From the page before, as it is: what is in it may change.",
        # A UUID of version 7 in 22 characters of base64url, no more and no less.
        "schema": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{8}[c-f][A-Za-z0-9_-][CGKOSWaeimquy26-]"
            "[A-Za-z0-9_-]{10}[AQgw]$",
        },
        "example": EXAMPLES["cursor"],
    },
    "Idempotency-Key": {
        "description": "The same key and body of one person get the same answer for 14 minutes.",
        "schema": {"type": "string", "pattern": "^[ -~]*$", "minLength": 1, "maxLength": 255},
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
}
_OWN_HEADERS: Final = {"create_photo": ("Idempotency-Key",)}
_OWN_PROBLEMS: Final = {"create_photo": (409, 413, 415, 422), "delete_photo": (403,)}
_PROBLEMS: Final = {
    400: "The request is not what this document says, and `detail` says where.",
    401: "Nobody is signed in.",
    403: "The photo is somebody else's.",
    404: "There is no such photo, or no more.",
    409: "A request with this `Idempotency-Key` is being answered.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "This `Idempotency-Key` stands for another body.",
    429: "Too many requests.",
    500: "Something went wrong on the gallery's side, and has been logged.",
    503: "The gallery is busy, or has not finished. The same request may succeed in a moment.",
    504: "The gallery took too long to answer.",
}
_ANSWER_HEADERS: Final[dict[int, dict[str, Any]]] = {
    201: {"Location": {"description": "Where the photo is.", "schema": {"type": "string"}}},
    **{
        status: {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
        for status in (409, 429, 503)
    },
}


class ApiRoute(msgspec.Struct, frozen=True):
    """A function of the API that answers one method of one path, as its source shows it."""

    name: str
    method: str
    path: str
    docstring: str
    model: str
    status: int
    tag: str


def routes() -> Iterator[ApiRoute]:
    """Every route, from the decorator `@router.get("/photos")` and what is below it."""
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
        raise ValueError(f"{node.name} does not say what it answers")
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
        raise ValueError(f"template and routes differ: {events.keys() ^ by_address.keys()}")
    paths: dict[str, Any] = {}
    for (method, path), event in sorted(events.items(), key=lambda each: each[0][::-1]):
        paths.setdefault(path, {})[method.lower()] = _operation(by_address[method, path], event)
    [(authorizer, _)] = resources["GalleryApi"]["Properties"]["Auth"]["Authorizers"].items()
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The ID token of a signed-in person, bare: without the word Bearer.",
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lambda Gallery",
            "version": "1",
            "description": "Photos, their thumbnails and how often they were looked at. Errors are"
            " problems (RFC 9457), times ISO 8601 in UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api", "description": "On the gallery's own host."}],
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
    operation["responses"] = {str(route.status): _answer(route)} | {
        str(status): {"$ref": f"#/components/responses/{_component(status)}"}
        for status in sorted(problems)
    }
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
    return {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": EXAMPLES[model]}


def _schemas() -> dict[str, Any]:
    """The models; every field of an answer is there, null or not, though it has a default."""
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
    # The gateway's own problems have less than the function's.
    schemas["Problem"]["required"] = ["type", "title"]
    return dict(sorted(schemas.items()))


def main() -> None:
    DOCUMENT.write_text(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
