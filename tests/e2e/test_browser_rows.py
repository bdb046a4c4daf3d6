"""The rows of photos on their way: what they show, and which a page keeps; a dot of the picture."""

import re

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.browser_page import visit

# Adds a row of a photo that is complete.
COMPLETE = """
async () => {
  const { addByAge, setState } = await pageModule("journeys.js");
  const photo = { photo_id: "0999", title: "remembered", color: "#fff", renditions: {} };
  setState(addByAge(photo), "complete");
}
"""

# The colors of a dot of the picture, when it appears, and of its flow.
DOT = """
async () => {
  const { Token } = await pageModule("token.js");
  new Token(null).created();
  const { fill } = getComputedStyle(document.querySelector("#links > circle"));
  const { color } = getComputedStyle(document.querySelector("#picture-caption .flow2"));
  return [fill, color];
}
"""


def test_row_of_a_photo_from_the_gallery_shows_only_what_is_known(
    browser: Browser, url: str, photo_id: str
):
    """Nobody here has sent a view of it, so there is no time in which one was counted."""
    with visit(browser, url) as page:
        page.goto("/")
        row = page.locator(f"#journeys li[data-photo-id='{photo_id}']")
        expect(row).to_have_attribute("data-state", "listed")
        expect(row.locator(".figure")).to_have_text(
            [re.compile(r"^thumbnailed [\d,.]+ m?s$"), re.compile(r"^replicated [\d,.]+ m?s$")]
        )


@pytest.mark.usefixtures("stack")
def test_failed_row_keeps_its_buttons_when_a_slow_one_would_lose_them(browser: Browser, url: str):
    with visit(browser, url) as page:
        page.clock.install()
        page.goto("/")
        # The page first discards the rows of a user who is not signed in.
        expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")
        page.evaluate(
            """async () => {
              const { addByAge, fail, setState } = await pageModule("journeys.js");
              const { watchTime } = await pageModule("follow.js");
              const { UserError } = await pageModule("dom.js");
              const photo = { photo_id: "0999", title: "kept", color: "#fff", renditions: {} };
              const journey = addByAge(photo);
              setState(journey, "uploaded");
              watchTime(journey);
              fail(journey, new UserError("Refused"), [["Delete", () => {}]]);
            }"""
        )
        row = page.locator("#journeys li", has_text="kept")
        expect(row.get_by_role("button")).to_have_text("Delete")
        page.clock.fast_forward(30_000)
        expect(row.get_by_role("button")).to_have_text("Delete")
        expect(row).to_contain_text("Refused")


@pytest.mark.usefixtures("stack")
def test_rows_are_kept_after_a_release_of_the_page_but_not_in_another_stack(
    browser: Browser, url: str
):
    with visit(browser, url) as page:
        page.goto("/")
        page.evaluate(COMPLETE)
        row = page.locator("#journeys li", has_text="remembered")
        script = page.locator("script[type=module]").get_attribute("src") or ""
        folder, other = script.split("/")[2], "of-another-release"

        def reload(found: str, replacement: str) -> None:
            def answer(route: Route) -> None:
                response = route.fetch()
                assert found in response.text()
                route.fulfill(response=response, body=response.text().replace(found, replacement))

            page.route(f"{url}/", answer)
            page.reload()

        def same_file(route: Route) -> None:
            route.continue_(url=route.request.url.replace(other, folder))

        page.route(f"**/{other}/**", same_file)
        reload(folder, other)
        assert other in (page.locator("script[type=module]").get_attribute("src") or "")
        expect(row).to_have_attribute("data-state", "complete")
        reload('"user_pool_client_id": "', '"user_pool_client_id": "of-another-stack-')
        page.evaluate("pageModule('journeys.js')")  # once the page shows the rows
        expect(row).to_have_count(0)


@pytest.mark.parametrize("stored", ["[]", "null", "{", '{"form": 999, "journeys": [{}]}'])
@pytest.mark.usefixtures("stack")
def test_rows_of_another_form_are_dropped_in_silence(browser: Browser, url: str, stored: str):
    with visit(browser, url) as page:
        page.goto("/")
        page.evaluate("(text) => sessionStorage.setItem('gallery.journeys', text)", stored)
        page.reload()
        page.evaluate(COMPLETE)
        page.reload()
        row = page.locator("#journeys li", has_text="remembered")
        expect(row).to_have_attribute("data-state", "complete")


@pytest.mark.usefixtures("stack")
def test_dot_in_the_picture_has_the_color_of_its_flow_when_it_appears(browser: Browser, url: str):
    with visit(browser, url) as page:
        page.goto("/")
        fill, color = page.evaluate(DOT)
        assert fill == color
