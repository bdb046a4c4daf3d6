"""Signing in and out: at an earlier deployment, and while an upload waits."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect

from demo.sign_in import PASSWORD, USER
from tests.e2e.browser_page import sign_in, visit
from tests.support.gallery_photos import jpeg

SIGN_IN_URL = """
pageModule("configuration.js").then(({ configuration }) => configuration.sign_in_url)
"""


@pytest.mark.usefixtures("stack")
def test_sign_in_at_an_earlier_deployment_says_to_reload(browser: Browser, url: str):
    with visit(browser, url, expected=("status of 400",)) as page:

        def without_the_client(route: Route) -> None:
            body = (route.request.post_data_json or {}) | {"ClientId": "earlier"}
            route.continue_(post_data=json.dumps(body))

        page.goto("/")
        page.route(page.evaluate(SIGN_IN_URL), without_the_client)
        page.locator("#sign-in").click()
        dialog = page.locator("#sign-in-dialog")
        dialog.get_by_label("User name").fill(USER)
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in").click()
        problem = "The gallery was deployed again. Reload the page."
        expect(dialog.get_by_role("alert")).to_have_text(problem)


@pytest.mark.usefixtures("event_sources", "id_token")
def test_signing_out_while_an_upload_waits_asks_for_nothing(
    browser: Browser, url: str, tmp_path: Path
):
    photo = tmp_path / "waits.jpg"
    photo.write_bytes(jpeg(240, 320))
    with visit(browser, url, expected=("status of 503",)) as page:
        page.goto("/")
        sign_in(page)
        page.route("**/api/photos", lambda route: route.fulfill(status=503, json={}))
        page.locator("#files").set_input_files([photo])
        row = page.locator("#journeys li", has_text="waits")
        expect(row).to_contain_text("Trying again…")
        page.locator("#sign-out").click()
        expect(row).to_have_attribute("data-state", "signed_out")
        expect(page.locator("#sign-in-dialog")).to_be_hidden()
        page.unroute("**/api/photos")
        row.get_by_role("button", name="Sign in").click()
        expect(page.locator("#sign-in-dialog")).to_contain_text("Your uploads continue")
        page.keyboard.press("Escape")
        # The list of own photos shows the new record before the page has the API's answer.
        created: list[tuple[Route, APIResponse]] = []
        lists: list[Route] = []
        views: list[str] = []
        page.route("**/api/photos", lambda route: created.append((route, route.fetch())))
        page.route("**/api/me/photos*", lambda route: lists.append(route))  # noqa: PLW0108 - playwright
        page.on("request", lambda sent: views.append(sent.method + sent.url.rpartition("/")[2]))
        sign_in(page)
        while not (created and lists):
            page.wait_for_timeout(50)  # until both requests are held
        page.unroute("**/api/me/photos*")
        lists[0].continue_()
        rows = page.locator("#journeys li", has_text="waits")
        expect(rows).to_have_count(2)
        route, answer = created[0]
        route.fulfill(response=answer)
        expect(rows).to_have_count(1)
        expect(rows).to_have_attribute("data-state", "complete")
        assert views.count("POSTviews") == 1
