"""How often the page asks the API, by the browser's clock.

The API is a function in the page, whose answers take no time: nothing here depends on the speed of
a machine.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.client import Gallery
from localcloud.event_sources.poller import EventSources
from ops.cost.figures import load_figures
from ops.cost.load import polls_per_view
from ops.cost.scenario import load_scenario
from tests.e2e.browser_page import sign_in, visit
from tests.support.gallery_photos import jpeg, listed_photo
from tests.support.waiting import awaited

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = 3_600_000
# The last of several answers to the same request stays.
API = """
globalThis.asked = [];
const send = fetch;
globalThis.fetch = async (address, options = {}) => {
  const { pathname } = new URL(address, location.href);
  const request = `${options.method ?? "GET"} ${pathname}`;
  if (!(request in answers)) return send(address, options);
  asked.push(request);
  const [first, ...later] = answers[request];
  if (later.length) answers[request] = later;
  return { ok: true, status: 200, text: async () => JSON.stringify(first) };
};
globalThis.setHidden = (hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


@pytest.fixture(scope="module")
def photo(gallery: Gallery, event_sources: EventSources) -> dict[str, Any]:
    """A photo as the list has it."""
    photo_id = listed_photo(gallery, event_sources)
    photos = gallery.request("GET", "/photos", params={"limit": "30"}).json()["photos"]
    return next(each for each in photos if each["photo_id"] == photo_id)


@pytest.fixture(scope="module")
def old_photo(photo: dict[str, Any]) -> dict[str, Any]:
    """The photo as if it had been READY for an hour, so that the catalog is known to list it."""
    return photo | {"ready_at": "2026-11-29T11:00:00.000Z"}


def views(total: int, counted_at: str | None) -> dict[str, Any]:
    minutes = [{"minute": f"2026-11-29T11:{each:02}Z", "views": 0} for each in range(60)]
    return {"total": total, "counted_at": counted_at, "minutes": minutes}


def recorded(counts: dict[str, Any] | None) -> dict[str, Any]:
    """The answer to a view."""
    return {"viewed_at": "2026-11-29T12:00:01.000Z", "views": counts}


def pause(page: Page, answers: dict[str, list[Any]]) -> None:
    """Have the page's clock stand still, and its API give these answers, one after the other."""
    page.add_init_script(f"globalThis.answers = {json.dumps(answers)};{API}")
    page.clock.install(time=START)
    page.clock.pause_at(START + timedelta(seconds=1))


def asked(page: Page) -> list[str]:
    """The requests since the last call, in their order."""
    requests: list[str] = page.evaluate("asked.splice(0)")
    return requests


def test_photo_page_asks_once_for_its_own_view_then_rarely_and_not_at_all_while_hidden(
    browser: Browser, url: str, old_photo: dict[str, Any]
):
    path = f"/api/photos/{old_photo['photo_id']}"
    counts = f"GET {path}/views"
    answers = {
        f"GET {path}": [old_photo],
        "GET /api/photos": [{"photos": [old_photo], "cursor": None}],
        counts: [views(8, "2026-11-29T12:00:03.000Z")],
        f"POST {path}/views": [recorded(views(7, "2026-11-29T12:00:02.000Z"))],
    }
    with visit(browser, url) as page:
        pause(page, answers)
        page.goto(f"/photo.html?id={old_photo['photo_id']}")
        expect(page.locator("#total")).to_have_text("7")
        expect(page.locator("#counted")).to_have_text("\u00a0")
        page.clock.run_for(10_000)
        expect(page.locator("#counted")).to_have_text("Yours was counted in 2,000 ms.")
        in_ten_seconds = load_scenario("internet", {"seconds_on_photo": "10"})
        assert asked(page).count(counts) == polls_per_view(in_ten_seconds, load_figures({})) == 1
        page.clock.run_for(HOUR - 10_000)
        assert asked(page) == [counts] * 14

        page.evaluate("setHidden(true)")
        page.clock.run_for(HOUR)
        assert asked(page) == []
        page.evaluate("setHidden(false)")
        awaited(lambda: page.evaluate("asked.length"))
        assert asked(page) == [counts]


def test_photo_page_asks_for_the_counts_if_the_answer_to_its_view_has_none(
    browser: Browser, url: str, old_photo: dict[str, Any]
):
    path = f"/api/photos/{old_photo['photo_id']}"
    answers = {
        f"GET {path}": [old_photo],
        "GET /api/photos": [{"photos": [old_photo], "cursor": None}],
        f"POST {path}/views": [recorded(None)],
        f"GET {path}/views": [views(7, None), views(8, "2026-11-29T12:00:03.000Z")],
    }
    with visit(browser, url) as page:
        pause(page, answers)
        page.goto(f"/photo.html?id={old_photo['photo_id']}")
        expect(page.locator("#total")).to_have_text("7")
        page.clock.run_for(10_000)
        expect(page.locator("#counted")).to_have_text("Yours was counted in 2,000 ms.")
        of_views = [each for each in asked(page) if each.endswith("/views")]
        assert of_views == [f"POST {path}/views", *[f"GET {path}/views"] * 2]


@pytest.mark.usefixtures("id_token")
def test_row_of_a_photo_that_is_not_processed_does_not_promise_that_it_will_be(
    browser: Browser, url: str, photo: dict[str, Any]
):
    """The public API does not tell whether the last attempt has failed."""
    new, old = (
        photo
        | {"photo_id": f"{prefix}{photo['photo_id'][4:]}", "title": title, "status": "PENDING"}
        | {"renditions": {}, "ready_at": None, "replicated_at": None}
        | {"created_at": f"2026-11-29T{hour}:00:00.000Z"}
        for prefix, title, hour in (("0999", "new", 12), ("0998", "old", 11))
    )
    upload = {"method": "PUT", "url": "/uploaded-here", "headers": {}}
    answers = {
        "POST /api/photos": [{"photo": new, "upload": upload}],
        "GET /api/me/photos": [{"photos": [old], "cursor": None}],
        f"GET /api/photos/{new['photo_id']}": [new],
        "GET /api/photos": [{"photos": [photo], "cursor": None}],
    }
    with visit(browser, url, reduced_motion="reduce") as page:
        page.route("**/uploaded-here", lambda route: route.fulfill(status=200))
        pause(page, answers)
        page.goto("/")
        sign_in(page)
        given_up = page.locator("#journeys li", has_text="old")
        expect(given_up).to_contain_text("or not processed: if all attempts failed")
        page.locator("#files").set_input_files(
            {"name": "new.jpg", "mimeType": "image/jpeg", "buffer": jpeg(240, 320)}
        )
        row = page.locator("#journeys li", has_text="new")
        expect(row).to_contain_text("thumbnailer processes it")
        page.clock.run_for(30_000)
        expect(row).to_contain_text("if all attempts failed, it needs a replay")
        page.reload()
        expect(row).to_have_attribute("data-state", "uploaded")

        def says_so_again() -> bool:
            page.clock.run_for(1_000)
            return "if all attempts failed, it needs a replay" in (row.text_content() or "")

        awaited(says_so_again)


@pytest.mark.usefixtures("id_token")
def test_a_tab_asks_once_in_ten_minutes_which_photos_are_the_users_own(
    browser: Browser, url: str, old_photo: dict[str, Any]
):
    mine, foreign, new, older = (
        old_photo | {"photo_id": f"{prefix}{old_photo['photo_id'][4:]}", **changes}
        for prefix, changes in {
            "0502": {},
            "0503": {},
            "0504": {"created_at": "2026-11-29T12:00:00.000Z"},  # a second before the list
            "0501": {},
        }.items()
    )
    for each in (mine, foreign, older):
        each["created_at"] = "2026-11-29T11:00:00.000Z"
    own = "GET /api/me/photos"
    answers = {
        "GET /api/photos": [{"photos": [foreign, mine], "cursor": None}],
        own: [{"photos": [mine], "cursor": "more"}, {"photos": [older], "cursor": None}],
        **{f"GET /api/photos/{each['photo_id']}": [each] for each in (mine, foreign, new, older)},
        **{
            f"POST /api/photos/{each['photo_id']}/views": [recorded(views(7, None))]
            for each in (mine, foreign, new, older)
        },
    }

    with visit(browser, url) as page:

        def show(photo: dict[str, Any]) -> int:
            """Open the page of the photo, and return how often it asks for own photos."""
            page.goto(f"/photo.html?id={photo['photo_id']}")
            expect(page.locator("#total")).to_have_text("7")
            expect(page.locator("#delete")).to_be_visible(visible=photo in (mine, older))
            return asked(page).count(own)

        pause(page, answers)
        page.goto("/")
        sign_in(page)
        awaited(lambda: page.evaluate("asked").count(own) == 2)
        assert [show(each) for each in (mine, foreign, older, mine)] == [0, 0, 0, 0]
        assert show(new) == 1
        page.clock.run_for(600_000)
        assert show(mine) == 1
        page.locator("#sign-out").click()
        expect(page.locator("#delete")).to_be_hidden()
        assert page.evaluate("sessionStorage.getItem('gallery.own')") is None


@pytest.mark.usefixtures("id_token")
def test_journey_of_a_photo_asks_once_for_each_step(
    browser: Browser, url: str, photo: dict[str, Any]
):
    new = photo | {"photo_id": f"0999{photo['photo_id'][4:]}", "title": "new"}
    path = f"/api/photos/{new['photo_id']}"
    pending = new | {"status": "PENDING", "renditions": {}, "ready_at": None, "replicated_at": None}
    upload = {"method": "PUT", "url": "/uploaded-here", "headers": {}}
    answers = {
        "POST /api/photos": [{"photo": pending, "upload": upload}],
        "GET /api/me/photos": [{"photos": [], "cursor": None}],
        f"GET {path}": [new | {"replicated_at": None}],
        "GET /api/photos": [{"photos": [photo], "cursor": None}, {"photos": [new], "cursor": None}],
        f"POST {path}/views": [recorded(None) | {"viewed_at": "2026-11-29T12:00:02.000Z"}],
        f"GET {path}/views": [views(1, "2026-11-29T12:00:03.000Z")],
    }
    with visit(browser, url, reduced_motion="reduce") as page:
        page.route("**/uploaded-here", lambda route: route.fulfill(status=200))
        pause(page, answers)
        page.goto("/")
        sign_in(page)
        awaited(lambda: "GET /api/me/photos" in page.evaluate("asked"))
        assert asked(page) == ["GET /api/photos", "GET /api/me/photos"]
        page.locator("#files").set_input_files(
            {"name": "new.jpg", "mimeType": "image/jpeg", "buffer": jpeg(240, 320)}
        )
        row = page.locator("#journeys li", has_text="new")
        expect(row).to_have_attribute("data-state", "uploaded")
        page.clock.run_for(10_000)
        expect(row).to_have_attribute("data-state", "complete")
        expect(row).to_contain_text("s in all")
        page.clock.run_for(HOUR)
        assert asked(page) == [
            *("POST /api/photos", f"GET {path}", "GET /api/photos"),
            *(f"POST {path}/views", f"GET {path}/views"),
        ]
