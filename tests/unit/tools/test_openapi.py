"""docs/openapi.json agrees with the template, the models and the routes, and is valid."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from gallery_api.cursors import decode_cursor, encode_cursor
from shared.photo_ids import is_photo_id, new_photo_id
from tests.support.repository import ROOT
from tools import openapi
from tools.translate import load_template

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
API = load_template()["Resources"]["GalleryApi"]["Properties"]
EVENTS = [
    event["Properties"]
    for event in load_template()["Resources"]["GalleryApiFunction"]["Properties"]["Events"].values()
]
OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def contents(node: Any) -> Iterator[dict[str, Any]]:
    """Everything in the document that has a schema and an example of it."""
    if isinstance(node, list):
        for each in node:
            yield from contents(each)
    elif isinstance(node, dict):
        if node.keys() >= {"schema", "example"}:
            yield node
        for each in node.values():
            yield from contents(each)


def parameter(name: str) -> dict[str, Any]:
    found = [
        each
        for operation in OPERATIONS.values()
        for each in operation.get("parameters", [])
        if each["name"] == name
    ]
    assert all(each == found[0] for each in found)
    return dict(found[0])


def meaning(schema: Any) -> Any:
    """The constraints of a schema without its descriptions, in a fixed order."""
    if isinstance(schema, list):
        return sorted(schema)
    if not isinstance(schema, dict):
        return schema
    return {
        name: meaning(value)
        for name, value in schema.items()
        if name != "description" and not (name == "title" and isinstance(value, str))
    }


def test_document_is_current():
    assert openapi.document() == DOCUMENT, "run make openapi to write it again"
    written = json.dumps(openapi.document(), indent=2, ensure_ascii=False) + "\n"
    assert openapi.DOCUMENT.read_text() == written


def validate(document: dict[str, Any]) -> None:
    import schemathesis  # slow to import

    schemathesis.openapi.from_dict(document).validate()


def test_document_is_valid_openapi():
    validate(DOCUMENT)


def test_invalid_openapi_would_be_found():
    broken = json.loads(json.dumps(DOCUMENT))
    del broken["paths"]["/health"]["get"]["responses"]["200"]["description"]
    with pytest.raises(Exception, match="description"):
        validate(broken)


def test_every_route_of_the_template_is_in_it_and_no_other():
    assert OPERATIONS.keys() == {(event["Method"], event["Path"]) for event in EVENTS}, (
        "Left: docs/openapi.json, right: events of GalleryApiFunction in template.yaml. Run make"
        " openapi."
    )


def test_command_names_a_model_without_an_example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openapi, "EXAMPLES", {})
    with pytest.raises(SystemExit, match=r"openapi: .* has no example of"):
        openapi.main()


def test_page_of_the_api_has_a_row_for_every_route():
    page = (ROOT / "docs" / "flows" / "api.md").read_text()
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \|", page, re.MULTILINE)
    assert set(rows) == {(event["Method"], event["Path"]) for event in EVENTS}, (
        "Left: routes in docs/flows/api.md, right: events of GalleryApiFunction in template.yaml."
    )


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['Method']} {event['Path']}")
def test_operation_requires_what_the_template_requires(event: dict[str, Any]):
    route = (event["Method"], event["Path"])
    assert route in OPERATIONS, f"docs/openapi.json has no {' '.join(route)}. Run make openapi."
    operation = OPERATIONS[route]
    authorizer = event.get("Auth", {}).get("Authorizer")
    assert operation["security"] == ([{authorizer: []}] if authorizer else [])
    assert ("401" in operation["responses"]) == bool(authorizer)
    in_path = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", event["Path"]))
    body = operation.get("requestBody")
    assert bool(body) == ("RequestModel" in event)
    if body:
        reference = {"$ref": f"#/components/schemas/{event['RequestModel']['Model']}"}
        assert body["content"]["application/json"]["schema"] == reference
    assert operation["summary"].endswith(".")


@pytest.mark.parametrize("name", API["Models"])
def test_model_of_the_gateway_is_the_one_of_the_document(name: str):
    schema = meaning(DOCUMENT["components"]["schemas"][name])
    assert schema == meaning(API["Models"][name]), (
        "Left: docs/openapi.json, right: Models of GalleryApi in template.yaml. Run make openapi;"
        " if that changes nothing, correct the template."
    )


def test_authorizer_of_the_template_is_the_scheme_of_the_document():
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert schemes.keys() == API["Auth"]["Authorizers"].keys()
    assert [scheme["name"] for scheme in schemes.values()] == ["Authorization"]


def test_every_example_conforms_to_its_schema():
    examples = list(contents(DOCUMENT))
    assert len(examples) > len(OPERATIONS)
    for content in examples:
        schema = content["schema"] | {"components": DOCUMENT["components"]}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        validator.validate(content["example"])


def test_every_problem_that_the_function_can_answer_is_described():
    texts = [path.read_text() for path in (ROOT / "functions/gallery_api").rglob("*.py")]
    raised = {
        name for text in texts for name in re.findall(r"ProblemError\(\s*HTTPStatus\.(\w+)", text)
    }
    answered = {HTTPStatus[name] for name in raised}
    assert len(answered) >= 8
    described = {
        int(status) for operation in OPERATIONS.values() for status in operation["responses"]
    }
    assert answered <= described


def test_answers_have_every_field():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name not in {"NewPhoto", "Problem", "Status"}:
            assert schema["required"] == list(schema["properties"]), name


@given(st.from_regex(parameter("cursor")["schema"]["pattern"], fullmatch=True))
def test_cursor_that_fits_the_pattern_is_one(cursor: str):
    assert encode_cursor(decode_cursor(cursor)) == cursor


@given(moments)
def test_pattern_fits_every_cursor_and_id(moment: datetime):
    photo_id = new_photo_id(moment)
    assert re.search(parameter("photo_id")["schema"]["pattern"], photo_id)
    assert re.search(parameter("cursor")["schema"]["pattern"], encode_cursor(photo_id))


@given(st.from_regex(parameter("photo_id")["schema"]["pattern"].rstrip("$") + r"\Z"))
def test_id_that_fits_the_pattern_is_one(photo_id: str):
    assert is_photo_id(photo_id)


def test_route_that_the_template_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch):
    kept = [route for route in openapi.routes() if route.name != "get_health"]
    monkeypatch.setattr(openapi, "routes", lambda: iter(kept))
    with pytest.raises(
        ValueError, match=r"template.yaml and functions/gallery_api/routes differ in .*'/health'"
    ):
        openapi.document()
