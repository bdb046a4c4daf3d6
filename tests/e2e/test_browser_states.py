"""axe finds nothing in any state of the page, on wide and narrow screens, light and dark."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.browser_page import sign_in, tile, visit
from tests.support.gallery_photos import jpeg


class Shown(NamedTuple):
    """What a state needs: the page, a listed photo, and a file to upload."""

    page: Page
    photo_id: str
    file: Path


def answer(page: Page, pattern: str, **content: Any) -> None:
    page.route(pattern, lambda route: route.fulfill(**content))


def full(shown: Shown) -> None:
    shown.page.goto("/")
    expect(tile(shown.page, shown.photo_id)).to_contain_class("loaded")


def empty(shown: Shown) -> None:
    answer(shown.page, "**/api/photos?*", json={"photos": [], "cursor": None})
    shown.page.goto("/")
    expect(shown.page.locator("#no-journeys")).to_be_visible()
    expect(shown.page.locator("#empty")).to_be_visible()


def uploading(shown: Shown) -> None:
    page = shown.page
    record = page.request.get(f"/api/photos/{shown.photo_id}").json()
    numbers = itertools.count(1)

    def create(route: Route) -> None:
        photo_id = f"099{next(numbers)}{shown.photo_id[4:]}"
        photo = record | {"photo_id": photo_id, "status": "PENDING", "renditions": {}}
        upload = {"method": "PUT", "url": "/hanging", "headers": {}}
        route.fulfill(json={"photo": photo, "upload": upload})

    page.route("**/hanging", lambda _: None)
    page.goto("/")
    sign_in(page)
    page.route("**/api/photos", create)
    page.locator("#files").set_input_files([shown.file, shown.file])
    expect(page.locator("#journeys [data-state=sending] progress")).to_have_count(2)
    expect(page.locator("#totals")).to_contain_text("0 of 2 complete")


def failed(shown: Shown) -> None:
    letter = shown.file.with_name("letter.txt")
    letter.write_bytes(b"Dear gallery")
    shown.page.goto("/")
    shown.page.locator("#files").set_input_files([letter, letter])
    expect(shown.page.locator("#journeys [data-state=broken]")).to_have_count(2)
    expect(shown.page.locator("#totals")).to_contain_text("0 of 2 complete, 2 failed")


def signed_out(shown: Shown) -> None:
    signing_in(shown)
    shown.page.keyboard.press("Escape")
    expect(shown.page.locator("#journeys [data-state=signed_out]")).to_have_count(1)


def signing_in(shown: Shown) -> None:
    shown.page.goto("/")
    shown.page.locator("#files").set_input_files(shown.file)
    expect(shown.page.get_by_role("dialog")).to_contain_text("Only signed-in users")


def offline(shown: Shown) -> None:
    page = shown.page
    page.goto("/")
    sign_in(page)
    answer(page, "**/api/photos", status=503, json={"detail": "The gallery is busy."})
    page.locator("#files").set_input_files(shown.file)
    expect(page.locator("#journeys [data-state=waiting]")).to_contain_text("Trying again…")


def photo(shown: Shown) -> None:
    shown.page.goto(f"/photo.html?id={shown.photo_id}")
    expect(shown.page.locator("#counted")).to_contain_text("Yours was counted in")
    shown.page.locator("summary").click()


def own_photo(shown: Shown) -> None:
    shown.page.goto("/")
    sign_in(shown.page)
    shown.page.goto(f"/photo.html?id={shown.photo_id}")
    expect(shown.page.locator("#delete")).to_be_visible()


def deleting(shown: Shown) -> None:
    own_photo(shown)
    shown.page.locator("#delete").click()
    expect(shown.page.get_by_role("dialog")).to_be_visible()


def waiting_photo(shown: Shown) -> None:
    show_as(shown, status="PENDING", width=None, height=None, renditions={})
    expect(shown.page.locator("#state")).to_contain_text("being made")


def failed_photo(shown: Shown) -> None:
    show_as(shown, status="FAILED", error="It is damaged.", renditions={})
    expect(shown.page.locator("#state")).to_contain_text("It is damaged.")


def show_as(shown: Shown, **changes: Any) -> None:
    record = shown.page.request.get(f"/api/photos/{shown.photo_id}").json()
    answer(shown.page, f"**/api/photos/{shown.photo_id}", json=record | changes)
    shown.page.goto(f"/photo.html?id={shown.photo_id}")


def missing_photo(shown: Shown) -> None:
    shown.page.goto("/photo.html?id=none")
    expect(shown.page.locator("#missing-title")).to_be_visible()


def missing_page(shown: Shown) -> None:
    shown.page.goto("/nowhere")
    expect(shown.page.get_by_role("heading")).to_have_text("There is no such page")


STATES: list[Callable[[Shown], None]] = [
    *(full, empty, uploading, failed, signed_out, signing_in, offline),
    *(photo, own_photo, deleting, waiting_photo, failed_photo, missing_photo, missing_page),
]


def findings(page: Page) -> list[tuple[str, str]]:
    """Each violated rule, and the element that violates it."""
    return [
        (each["id"], re.sub(r"\s+", " ", node["html"]))
        for each in Axe().run(page).response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.usefixtures("id_token")
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(
    browser: Browser, url: str, photo_id: str, tmp_path: Path, state: Callable[[Shown], None]
):
    file = tmp_path / "photo.jpg"
    file.write_bytes(jpeg(240, 320))
    # A photo that is shown as FAILED has a preload of its thumbnail, which its page does not use.
    expected = (r"status of 404", r"status of 503", "was preloaded using link preload")
    wide = {"width": 1280, "height": 800}
    with visit(browser, url, expected, reduced_motion="reduce", viewport=wide) as page:
        state(Shown(page, photo_id, file))
        assert findings(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        page.emulate_media(color_scheme="dark")
        assert findings(page) == []
