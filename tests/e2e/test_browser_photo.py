"""A photo's page: its neighbors, its size on the screen, and the chart of its views."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from demo.client import Gallery
from demo.sign_in import USER
from localcloud.event_sources.poller import EventSources
from tests.e2e.browser_page import sign_in, visit
from tests.support.gallery_photos import is_listed, listed_photo
from tests.support.waiting import awaited

# The texts and the bars of a chart for an hour with one view the given number of minutes ago.
CHART = """
async (ago) => {
  const { createChart } = await pageModule("chart.js");
  const [figure, body] = ["figure", "tbody"].map((name) => document.createElement(name));
  figure.append(document.createElement("figcaption"));
  const minutes = Array.from({ length: 60 }, (_, index) => ({
    minute: new Date(Date.UTC(2026, 10, 29, 12, index)).toISOString(),
    views: index === 59 - ago ? 1 : 0,
  }));
  createChart(figure, body).draw(minutes);
  const bars = [...figure.querySelectorAll("rect")];
  return {
    texts: [...figure.querySelectorAll("svg text")].map(({ textContent }) => textContent),
    bars: bars.length,
    first: bars.findIndex(({ style }) => !/scaleY\\(-?0\\)/.test(style.transform)),
  };
}
"""

# The widths of the chart and its figure, and the heights of the labels that have a text, in pixels.
LABELS = """
() => {
  const figure = document.getElementById("chart");
  const box = (element) => element.getBoundingClientRect();
  const sizes = (name) => [...figure.querySelectorAll(name)].map(box);
  return {
    figure: figure.getBoundingClientRect().width,
    chart: sizes("svg")[0].width,
    labels: sizes("text").map(({ height }) => height).filter(Boolean),
  };
}
"""


def test_keys_links_and_swipes_lead_to_the_neighbors_of_a_photo(
    browser: Browser, url: str, photo_id: str
):
    newer, older = f"0999{photo_id[4:]}", f"0100{photo_id[4:]}"

    def list_three(route: Route) -> None:
        real = route.fetch(url=f"{url}/api/photos/{photo_id}").json()
        photos = [{**real, "photo_id": each, "title": each} for each in (newer, photo_id, older)]
        first = "cursor" not in route.request.url
        route.fulfill(
            json={"photos": photos[:1] if first else photos[1:], "cursor": "A" * first or None}
        )

    def as_the_real(route: Route) -> None:
        route.continue_(url=re.sub(rf"{newer}|{older}", photo_id, route.request.url))

    with visit(browser, url, has_touch=True) as page:
        page.route("**/api/photos/**", as_the_real)
        page.route("**/api/photos?*", list_three)
        previous, following = page.locator("#previous"), page.locator("#next")

        def expect_photo(photo: str) -> None:
            expect(page).to_have_url(f"{url}/photo.html?id={photo}")
            expect(page.locator("#counted")).to_contain_text("Yours was counted in")
            expect(previous).to_be_visible(visible=photo != newer)
            expect(following).to_be_visible(visible=photo != older)

        page.goto(f"/photo.html?id={photo_id}")
        expect_photo(photo_id)
        page.keyboard.press("ArrowRight")
        expect_photo(older)
        page.keyboard.press("ArrowLeft")
        expect_photo(photo_id)
        swipe(page, 150)
        expect_photo(newer)
        swipe(page, -150)
        expect_photo(photo_id)
        following.click()
        expect_photo(older)


def swipe(page: Page, pixels: int) -> None:
    box = page.locator("#frame img").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + pixels, "y": y + 9}]),
        ("touchEnd", []),
    ):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.parametrize(
    ("ago", "texts", "bars"),
    [
        (0, ["10 minutes ago", "", "now"], 10),
        (24, ["25 minutes ago", "", "now"], 25),
        (59, ["an hour ago", "half an hour ago", "now"], 60),
    ],
)
@pytest.mark.usefixtures("stack")
def test_bars_begin_with_the_first_view_of_the_hour(
    browser: Browser, url: str, ago: int, texts: list[str], bars: int
):
    with visit(browser, url, expected=("status of 404",)) as page:
        page.goto("/photo.html?id=none")
        expect(page.locator("#chart-title")).to_have_text("Views per minute")
        drawn = page.evaluate(CHART, ago)
        assert drawn == {"texts": texts, "bars": bars, "first": bars - 1 - ago}


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_chart_fills_its_figure_and_its_labels_keep_their_size(
    browser: Browser, url: str, photo_id: str, width: int
):
    with visit(browser, url, viewport={"width": width, "height": 800}) as page:
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#chart svg text").first).to_have_text(re.compile("minutes ago"))
        sizes = page.evaluate(LABELS)
    assert sizes["chart"] == sizes["figure"]
    assert sizes["labels"] == pytest.approx([15, 15], abs=3)


@pytest.mark.parametrize("width", [360, 1280])
def test_image_uses_the_available_space(browser: Browser, url: str, photo_id: str, width: int):
    with visit(browser, url, viewport={"width": width, "height": 800}) as page:
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#frame img")).to_be_visible()
        sizes: dict[str, Any] = page.evaluate(
            """() => {
              const frame = document.getElementById("frame");
              const image = frame.querySelector("img");
              return { frame: frame.clientWidth, shown: image.clientWidth,
                natural: Number(image.getAttribute("width")) };
            }"""
        )
        assert sizes["natural"] == 320
        assert sizes["shown"] == min(sizes["frame"], 640)


@pytest.mark.usefixtures("id_token")
def test_focus_and_texts_after_the_deletion_of_the_last_photo(
    browser: Browser, url: str, gallery: Gallery, event_sources: EventSources
):
    photo_id = listed_photo(gallery, event_sources)

    def list_only_it(route: Route) -> None:
        answer = route.fetch().json()
        photos = [photo for photo in answer["photos"] if photo["photo_id"] == photo_id]
        route.fulfill(json={"photos": photos, "cursor": None})

    with visit(browser, url, expected=("status of 404",)) as page:
        page.route("**/api/photos?*", list_only_it)
        page.goto("/")
        sign_in(page)
        page.locator("#grid a").click()
        page.locator("#delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#notice")).to_contain_text("was deleted")
        expect(page.locator("#empty")).to_have_text("The gallery has no photos yet.")
        expect(page.locator("#grid li")).to_have_count(0)
        expect(page.locator(":focus")).to_have_id("gallery")

        # The last row of the list of journeys.
        page.locator("#sign-out").click()
        page.locator("#files").set_input_files(
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Dear gallery"}
        )
        page.locator("#journeys button").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#no-journeys")).to_be_visible()
        assert page.evaluate("document.activeElement.matches('.scroll')")
    awaited(lambda: not is_listed(gallery, photo_id))  # the next test would load its images


@pytest.mark.usefixtures("id_token")
def test_all_tabs_have_the_same_user(browser: Browser, url: str, photo_id: str):
    with visit(browser, url) as page:
        page.goto("/")
        sign_in(page)
        other = page.context.new_page()
        other.goto(f"/photo.html?id={photo_id}")
        expect(other.locator("#user-name")).to_have_text(USER)
        expect(other.locator("#delete")).to_be_visible()
        other.locator("#sign-out").click()
        expect(page.locator("#sign-in")).to_be_visible()
        sign_in(page)
        expect(other.locator("#user-name")).to_have_text(USER)
        expect(other.locator("#delete")).to_be_visible()
        other.locator("#sign-out").click()
        page.reload()
        expect(page.locator("#sign-in")).to_be_enabled()


@pytest.mark.usefixtures("id_token")
def test_user_and_header_stay_while_the_cloud_is_down(browser: Browser, url: str, photo_id: str):
    def lose_requests(route: Route) -> None:
        if route.request.resource_type == "fetch":
            return route.abort()
        return route.fallback()

    with visit(browser, url, expected=("ERR_FAILED",)) as page:
        page.goto("/")
        sign_in(page)
        page.route("**/*", lose_requests)
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#notice")).to_contain_text("cannot be reached")
        expect(page.locator("#user-name")).to_have_text(USER)
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
