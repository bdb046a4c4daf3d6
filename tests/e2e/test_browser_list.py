"""The list of photos: its tiles, and a photo that its newest page does not have."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.browser_page import tile, visit


def test_tile_requests_one_rendition_while_others_arrive(browser: Browser, url: str, photo_id: str):
    requested: list[str] = []
    with visit(browser, url) as page:
        page.on("request", lambda request: requested.append(urlsplit(request.url).path))
        page.goto("/")
        expect(tile(page, photo_id)).to_contain_class("loaded")
        page.evaluate(
            """async (id) => {
              const { addPhotos } = await pageModule("grid.js");
              const photo = await fetch(`/api/photos/${id}`).then((answer) => answer.json());
              for (let number = 0; number < 9; number += 1) {
                const id = `09999999-0000-7000-8000-00000000000${number}`;
                addPhotos([{ ...photo, photo_id: id, width: 100 + 90 * number, height: 300 }]);
                await new Promise(requestAnimationFrame);
              }
            }""",
            photo_id,
        )
        expect(page.locator("#grid li")).not_to_have_count(1)
        page.wait_for_load_state("networkidle")
    own = [path for path in requested if path.startswith(f"/photos/{photo_id}/")]
    assert len(own) == len(set(own)), own


@pytest.mark.parametrize(
    ("deleted", "outcome"), [(False, "older"), (True, "There is no photo with this id.")]
)
def test_photo_that_the_newest_page_does_not_list_is_not_awaited_for_ever(
    browser: Browser, url: str, *, deleted: bool, outcome: str
):
    """It is older than 50 others, or was deleted before it was listed."""
    wanted = "01900000-0000-7000-8000-000000000000"
    newer = {"photo_id": wanted.replace("0190", "0191", 1), "title": "newer"}
    older = {"photo_id": wanted, "title": "older"}

    def answer(route: Route) -> None:
        if "/photos?" not in route.request.url:
            return route.fulfill(status=404, json={"detail": "There is no photo with this id."})
        if deleted or "cursor" in route.request.url:
            return route.fulfill(json={"photos": [] if deleted else [older], "cursor": None})
        return route.fulfill(json={"photos": [newer], "cursor": "next"})

    with visit(browser, url, expected=("status of 404",)) as page:
        page.goto("/photo.html?id=none")
        page.route("**/api/photos**", answer)
        listed = """async (id) => {
          const { untilListed } = await pageModule("listed.js");
          return untilListed(id).then(({ title }) => title, ({ message }) => message);
        }"""
        assert page.evaluate(listed, wanted) == outcome
