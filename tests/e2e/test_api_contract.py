"""The deployed API against docs/openapi.json: the document describes every answer."""

import os
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from schemathesis.checks import CHECKS, load_all_checks

from demo.client import Gallery
from demo.samples import PHOTOS
from demo.sign_in import sign_in
from localcloud import cloudfront
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.support.repository import ROOT
from tools.openapi_examples import EXAMPLES

load_all_checks()

SCHEMA = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")
SCHEMA.config.generation.with_security_parameters = False  # everybody here is signed in
# A key that was used with another body is refused, as the document says.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses.append("422")
SEED = int(os.environ.get("CONTRACT_SEED") or random.SystemRandom().randrange(2**32))
MAX_EXAMPLES = 20  # of an operation, beside those that cover every constraint once
NOT_OF_REST_APIS = {
    "unsupported_method": "a REST API has no 405: a method that it does not know is 403 to it,"
    " which the template makes 404",
    "allow_header_conformance": "without a 405 there is nothing that could carry Allow",
}
NOT_OF_DRAFT_4 = {
    "positive_data_acceptance": "to the gateway's models 1.0 is no integer, and so not to the"
    " function; to OpenAPI 3.1 it is",
}


@pytest.fixture(scope="module")
def transport(
    cloud: Cloud, cdn: cloudfront.Served, stack: Mapping[str, str], id_token: str
) -> dict[str, Any]:
    """Signed in, and straight to the API: the contract is the API's, and CloudFront has its own.

    The API answers CloudFront alone, so the requests carry what CloudFront sends.
    """
    host = f"{stack['ApiId']}.execute-api.localhost:{cloud.port}"
    sent = dict(cdn.edge.distribution.behaviour("/api/").origin.custom_headers)
    return {
        "base_url": f"{cloud.endpoint}/api",
        "headers": {**sent, "Host": host, "Authorization": id_token},
    }


@pytest.fixture(scope="module")
def photos(gallery: Gallery, event_sources: EventSources) -> dict[str, str]:
    """For each operation on a photo one that is READY and listed, by the operation's id."""
    data = (PHOTOS / "chelsea.webp").read_bytes()
    photos = {}
    for operation in (each.ok().definition.raw for each in SCHEMA.get_all_operations()):
        if any(each["name"] == "photo_id" for each in operation.get("parameters", [])):
            created = gallery.create_photo("Chelsea", "image/webp", len(data))
            gallery.upload(created["upload"], data)
            photo = gallery.settled(created["photo"]["photo_id"])
            assert photo["status"] == "READY"
            photos[operation["operationId"]] = photo["photo_id"]
    event_sources.await_drained(120)
    return photos


@SCHEMA.parametrize()
@with_seed(SEED)
@settings(
    max_examples=MAX_EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_the_document_describes_every_answer(
    case: Any, transport: dict[str, Any], photos: dict[str, str]
):
    if case.path_parameters.get("photo_id") == EXAMPLES["photo_id"]:
        case.path_parameters["photo_id"] = photos[case.operation.definition.raw["operationId"]]
    print(f"the same again: CONTRACT_SEED={SEED}")
    answer = case.call(**transport)
    left_out = excluded(NOT_OF_REST_APIS)
    if isinstance(case.body, dict) and isinstance(case.body.get("bytes"), float):
        left_out += excluded(NOT_OF_DRAFT_4)
    case.validate_response(answer, excluded_checks=left_out, transport_kwargs=transport)


@pytest.mark.parametrize(
    ("request_line", "body", "status", "detail"),
    [
        ("GET /nothing", None, 404, "The API has no such path and method."),
        ("PATCH /photos", {}, 404, "The API has no such path and method."),
        ("POST /photos", {"title": " "}, 400, "Invalid request body"),
    ],
)
def test_gateway_itself_refuses_what_the_template_declares_invalid(
    transport: dict[str, Any], request_line: str, body: Any, status: int, detail: str
):
    method, path = request_line.split()
    url = transport["base_url"] + path
    answer = httpx.request(method, url, json=body, headers=transport["headers"], timeout=30)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == detail


def test_gateway_throttles_by_the_limit_of_the_stage(
    cloud: Cloud, stack: Mapping[str, str], transport: dict[str, Any]
):
    gateway, api = cloud.client("apigateway"), stack["ApiId"]
    limits = gateway.get_stage(restApiId=api, stageName="api")["methodSettings"]["*/*"]

    def limit(rate: float, burst: int) -> None:
        values = {"rateLimit": str(rate), "burstLimit": str(burst)}
        operations = [
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": value}
            for name, value in values.items()
        ]
        gateway.update_stage(restApiId=api, stageName="api", patchOperations=operations)

    limit(0, 0)
    try:
        url = f"{transport['base_url']}/photos"
        answer = httpx.post(url, json={}, headers=transport["headers"], timeout=30)
    finally:
        limit(limits["throttlingRateLimit"], limits["throttlingBurstLimit"])
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["title"] == "Too Many Requests"


def test_concurrent_requests_with_one_key_create_one_photo(gallery: Gallery):
    title = f"Once {random.randbytes(8).hex()}"  # noqa: S311
    headers = {"Idempotency-Key": title}
    body = {"title": title, "content_type": "image/png", "bytes": 1}

    def create(_: int) -> httpx.Response:
        return gallery.request("POST", "/photos", json=body, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(create, range(8)), create(8)]
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = {answer.text for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    listed = gallery.request("GET", "/me/photos", params={"limit": "100"}).json()["photos"]
    assert [photo["title"] for photo in listed].count(title) == 1


def test_access_token_is_refused_in_place_of_an_id_token(
    transport: dict[str, Any], cloud: Cloud, stack: Mapping[str, str]
):
    tokens = sign_in(cloud, stack)
    address = f"{transport['base_url']}/me/photos"
    for name, status in (("IdToken", 200), ("AccessToken", 401)):
        headers = transport["headers"] | {"Authorization": tokens[name]}
        assert httpx.get(address, headers=headers).status_code == status


def excluded(names: Mapping[str, str]) -> list[Any]:
    checks = [check for check in CHECKS.get_all() if check.__name__ in names]
    assert len(checks) == len(names)
    return checks
