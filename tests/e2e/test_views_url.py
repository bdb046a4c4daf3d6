"""Views through the function URL: the stack is switched there and back while a client reads."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping

import httpx
import pytest
from playwright.sync_api import Browser, expect

from demo.application import STACK
from demo.client import Gallery
from localcloud.cloud import Cloud
from localcloud.cloudfront import Served
from localcloud.event_sources.poller import EventSources
from ops.deployed_stack import template_text
from tests.e2e.browser_page import visit
from tests.e2e.test_origin_secret import requests_during
from tests.support.gallery_photos import listed_photo
from tests.support.waiting import awaited

EMPTY = hashlib.sha256(b"").hexdigest()
HASH = {"x-amz-content-sha256": EMPTY}


def deploy(cloud: Cloud, views_api: str) -> None:
    """Update the stack to this value of ViewsApi, with its original template."""
    cloudformation, s3 = cloud.client("cloudformation"), cloud.client("s3")
    s3.create_bucket(Bucket="views-api")
    text = template_text(cloudformation, STACK, "Original")
    s3.put_object(Bucket="views-api", Key="template", Body=text.encode())
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    kept = [
        {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
        for each in stack["Parameters"]
        if each["ParameterKey"] != "ViewsApi"
    ]
    cloudformation.update_stack(
        StackName=STACK,
        TemplateURL=f"{s3.meta.endpoint_url}/views-api/template",
        Parameters=[*kept, {"ParameterKey": "ViewsApi", "ParameterValue": views_api}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    waiting = {"Delay": 1, "MaxAttempts": 300}
    cloudformation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig=waiting)


def origin(cdn: Served) -> str:
    return cdn.edge.distribution.behaviour("/api/photos/1/views").origin.domain


@contextlib.contextmanager
def through_function_url(cloud: Cloud, cdn: Served) -> Iterator[None]:
    """Switch the views to the function URL, and back, in the order of docs/deploy.md."""
    rest = origin(cdn)
    deploy(cloud, "function-url-prepared")
    assert origin(cdn) == rest
    try:
        deploy(cloud, "function-url")
        awaited(lambda: ".lambda-url." in origin(cdn))
        yield
        deploy(cloud, "function-url-prepared")
        awaited(lambda: origin(cdn) == rest)
    finally:
        deploy(cloud, "rest")
        awaited(lambda: origin(cdn) == rest)


def urls(cloud: Cloud, stack: Mapping[str, str]) -> list[str]:
    """The function URLs of the API, as the laptop serves them."""
    found = cloud.client("lambda").list_function_url_configs(
        FunctionName=stack["GalleryApiFunctionName"]
    )
    ids = [each["FunctionUrl"].split("/")[2].split(".")[0] for each in found["FunctionUrlConfigs"]]
    return [f"{cloud.endpoint}/_aws/lambda-url/{each}" for each in ids]


@pytest.mark.slow  # updates the stack four times
def test_views_through_the_function_url_and_back(  # noqa: PLR0917 - fixtures
    cloud: Cloud,
    stack: Mapping[str, str],
    cdn: Served,
    gallery: Gallery,
    event_sources: EventSources,
    browser: Browser,
    id_token: str,
):
    """One test, since each switch is an update of the stack."""
    photo = listed_photo(gallery, event_sources)
    with (
        requests_during(f"{cdn.url}/api/photos/{photo}/views") as statuses,
        through_function_url(cloud, cdn),
        client(f"{cdn.url}/api") as http,
    ):
        views_are_answered_as_by_the_rest_api(http, gallery, photo)
        other_routes_stay_with_the_rest_api(http, photo, id_token)
        only_cloudfront_may_call_it(cloud, stack, photo, id_token)
        page_records_its_view(browser, cdn, gallery, photo)
    assert set(statuses) == {200}
    answer = gallery.request("POST", f"/photos/{photo}/views")
    assert answer.status_code == 202, "the REST API needs no hash"
    assert urls(cloud, stack) == []


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, trust_env=False)


def views_are_answered_as_by_the_rest_api(http: httpx.Client, gallery: Gallery, photo: str) -> None:
    path = f"/photos/{photo}/views"
    before = gallery.views(photo)["total"]
    answer = http.post(path, headers=HASH)
    assert answer.status_code == 202, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"]
    awaited(lambda: gallery.views(photo)["total"] == before + 1)
    for headers in ({}, {"x-amz-content-sha256": "0" * 64}):
        assert http.post(path, headers=headers).status_code == 403, headers
    answers = [http.get(path) for _ in range(2)]
    assert answers[0].headers["etag"]
    assert any(each.headers["x-cache"].startswith("Hit") for each in answers)
    unknown = http.post("/photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60/views", headers=HASH)
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["detail"] == "There is no such photo."


def other_routes_stay_with_the_rest_api(http: httpx.Client, photo: str, id_token: str) -> None:
    assert http.get(f"/photos/{photo}").status_code == 200
    assert http.get("/me/photos").status_code == 401
    assert http.get("/me/photos", headers={"Authorization": id_token}).status_code == 200
    # The behavior of CloudFront also matches these, and nothing there checks a token.
    for path in ("/photos/x/views/../../../me/photos/views", f"/photos/{photo}/x/views"):
        answer = http.get(path, headers={"Authorization": id_token})
        assert answer.status_code == 404, path


def only_cloudfront_may_call_it(
    cloud: Cloud, stack: Mapping[str, str], photo: str, id_token: str
) -> None:
    [url] = urls(cloud, stack)
    for headers in ({}, {"Authorization": id_token}, HASH):
        for path in (f"/api/photos/{photo}/views", "/api/me/photos", "/me/photos"):
            answer = httpx.get(f"{url}{path}", headers=headers, timeout=60)
            assert answer.status_code == 403, (path, headers)


def page_records_its_view(browser: Browser, cdn: Served, gallery: Gallery, photo: str) -> None:
    before = gallery.views(photo)["total"]
    with visit(browser, cdn.url) as page:
        page.goto(f"/photo.html?id={photo}")
        awaited(lambda: gallery.views(photo)["total"] == before + 1)
        expect(page.locator("#views")).to_be_visible()
