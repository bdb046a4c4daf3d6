"""The page in a real browser: a photo from upload to deletion, and accessibility."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Route,
    expect,
)

from demo.client import Gallery
from demo.samples import PHOTOS
from localcloud.event_sources.poller import EventSources
from tests.e2e.browser_page import sign_in, tile, visit
from tests.support.gallery_photos import is_listed, jpeg
from tests.support.waiting import awaited

# The longest date that the page can show, and the shortest.
LONGEST = datetime(2026, 9, 30, 20, 48, tzinfo=UTC)
SHORTEST = datetime(2027, 5, 1, 11, 11, tzinfo=UTC)

# Whether a text of the flow picture sticks out of its box.
STICKS_OUT = """
[...document.querySelectorAll("#picture li, #edge")].filter((box) => {
  const range = document.createRange();
  range.selectNodeContents(box);
  const [inner, outer] = [range, box].map((each) => each.getBoundingClientRect());
  return inner.left < outer.left || inner.right > outer.right;
}).map(({ id }) => id)
"""

# What a page says of a JPEG file of that many bytes.
REFUSAL = """
async (size) => {
  const { describe } = await pageModule("uploads.js");
  try {
    return describe({ name: "a.jpg", type: "image/jpeg", size }).bytes;
  } catch (error) {
    return error.message;
  }
}
"""

IS_CUT = """
(selector) => {
  const element = document.querySelector(selector);
  return element.scrollWidth > element.clientWidth;
}
"""

# Whether what stands around a title in a sentence is shown in its order.
IN_ORDER = """
async (title) => {
  const { isolated } = await pageModule("dom.js");
  const inOrder = (text) => {
    const line = document.createElement("p");
    line.textContent = `A ${text}: 1 2`;
    document.body.append(line);
    const node = line.firstChild;
    const range = document.createRange();
    const places = [0, node.length - 3, node.length - 1].map((index) => {
      range.setStart(node, index);
      range.setEnd(node, index + 1);
      return range.getBoundingClientRect().left;
    });
    line.remove();
    return places[0] < places[1] && places[1] < places[2];
  };
  return { asItIs: inOrder(title), isolated: inOrder(isolated(title)) };
}
"""


def serious_findings(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def horizontal_scroll(page: Page) -> int:
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def facts_of_more_than_one_line(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll("#facts dd")]
        .filter((fact) => fact.getBoundingClientRect().height > 1.5 * parseFloat(
          getComputedStyle(fact).lineHeight))
        .map((fact) => fact.textContent)"""
    )
    return found


def isolated(title: str) -> str:
    """As the page writes it in a sentence."""
    return f"\N{FIRST STRONG ISOLATE}{title}\N{POP DIRECTIONAL ISOLATE}"


def is_dark(page: Page) -> bool:
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return all(int(channel) < 128 for channel in re.findall(r"\d+", paper)[:3])


@pytest.mark.usefixtures("event_sources", "id_token")
def test_photos_are_uploaded_watched_viewed_and_deleted(
    browser: Browser, url: str, gallery: Gallery, tmp_path: Path
):
    files = {
        "kept.webp": (PHOTOS / "chelsea.webp").read_bytes(),
        "gone.jpg": (PHOTOS / "coffee.jpg").read_bytes(),
        "letter.png": b"Dear gallery,\n" * 99,
        "notes.txt": b"Not even called a photo",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with visit(browser, url) as page:

        def journey(title: str) -> Locator:
            named = page.locator(".title", has_text=re.compile(f"^{re.escape(title)}$"))
            return page.locator("#journeys li.journey").filter(has=named)

        page.goto("/")
        sign_in(page)
        page.locator("#files").set_input_files([tmp_path / name for name in files])
        expect(journey("notes.txt")).to_contain_text(
            "The file type is not supported. Supported types: JPEG, PNG"
        )
        expect(journey("letter")).to_have_attribute("data-state", "failed")
        expect(journey("letter")).to_contain_text("not an image")
        for title in ("kept", "gone"):
            expect(journey(title)).to_have_attribute("data-state", "complete")
            for stage in ("thumbnailed", "replicated", "counted"):
                figure = journey(title).locator(f".figure[data-measure={stage}] b")
                expect(figure).to_have_text(re.compile(r"^[\d,.]+ m?s$"))
        expect(page.locator("#totals")).to_contain_text("2 of 4 complete, 2 failed")
        states = [row.get_attribute("data-state") for row in page.locator("#journeys li").all()]
        assert not {"broken", "failed"} & set(states[states.index("complete") :])

        kept_id, gone_id = (
            journey(name).get_attribute("data-photo-id") for name in ("kept", "gone")
        )
        kept, gone = tile(page, kept_id), tile(page, gone_id)
        for shown in (kept, gone):
            shown.scroll_into_view_if_needed()
            expect(shown).to_contain_class("loaded")
        gone.locator("a").click()
        expect(page.locator("#title")).to_have_text("gone")
        image = page.locator("#frame img")
        expect(image).to_have_js_property("complete", value=True)
        expect(image).not_to_have_js_property("naturalWidth", 0)
        address = page.url
        expect(page.locator("#total")).to_have_text("2")  # the journey's view, and this one
        expect(page.locator("#counted")).to_contain_text("Yours was counted in")
        expect(page.locator("#chart svg[role=img]")).to_have_accessible_name(
            re.compile("2 views in the last hour")
        )
        page.reload()
        expect(page.locator("#total")).to_have_text("3")

        page.locator("#delete").click()
        question = page.get_by_role("dialog")
        expect(question).to_contain_text(f"Delete “{isolated('gone')}”?")
        question.get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#notice")).to_have_text(f"“{isolated('gone')}” was deleted.")
        for _ in range(2):
            expect(kept).to_contain_class("loaded")
            expect(gone).to_have_count(0)
            page.reload()
        expect(page.locator("#notice")).to_have_text("")
    # Another browser has not stored the deletion, and gets what CloudFront still keeps.
    assert gone_id is not None
    awaited(lambda: not is_listed(gallery, gone_id))
    awaited(lambda: gallery.request("GET", f"/photos/{gone_id}").status_code == 404)
    with visit(browser, url, expected=(r"status of 404 .*/photos/",)) as page:
        page.goto("/")
        expect(tile(page, kept_id)).to_contain_class("loaded")
        expect(tile(page, gone_id)).to_have_count(0)
        page.goto(address)
        expect(page.locator("#missing-title")).to_have_text("There is no such photo")


def phone(width: int) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 740}, "has_touch": True, "is_mobile": True}


def screen(width: int) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 800}}


@pytest.mark.parametrize(
    "options",
    [
        {**phone(320), "locale": "en-US", "moment": LONGEST},
        {**phone(360), "locale": "ar-EG", "moment": SHORTEST},
        {**screen(820), "locale": "en-GB", "moment": SHORTEST},
        {**screen(1280), "locale": "de-DE", "moment": LONGEST, "color_scheme": "dark"},
    ],
    ids=["phone-320", "phone-360", "tablet-820", "desktop-1280-dark"],
)
@pytest.mark.usefixtures("id_token")
def test_everyone_can_use_the_page(
    browser: Browser, url: str, photo_id: str, options: dict[str, Any]
):
    with visit(browser, url, timezone_id="UTC", reduced_motion="reduce", **options) as page:
        page.goto("/")
        shown = tile(page, photo_id)
        expect(shown).to_contain_class("loaded")
        assert is_dark(page) == (options.get("color_scheme") == "dark")
        assert serious_findings(page) == []
        assert horizontal_scroll(page) == 0
        assert page.evaluate(STICKS_OUT) == []
        page.locator("#sign-in").click()
        expect(page.locator("#sign-in-dialog")).to_be_visible()
        assert serious_findings(page) == []
        page.keyboard.press("Escape")
        sign_in(page)
        expect(page.locator("#stage")).to_be_visible()
        assert page.evaluate(IS_CUT, "#user-name") is False
        shown.locator("a").click()
        expect(page.locator("#counted")).to_contain_text("Yours was counted in")
        expect(page.locator("#delete")).to_be_visible()
        date = f"{options['moment']:%b} {options['moment'].day}, {options['moment'].year}, "
        expect(page.locator("#facts")).to_contain_text(date)
        expect(page.locator("#facts")).to_contain_text(re.compile(r"Large\d+ . \d+, [\d.]+ kB"))
        expect(page.locator("#share")).to_be_visible()
        assert facts_of_more_than_one_line(page) == []
        assert serious_findings(page) == []
        assert horizontal_scroll(page) == 0
        page.locator("#delete").click()
        assert serious_findings(page) == []
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#title")).to_be_visible()


@pytest.mark.parametrize(
    "title",
    [
        "שלום 7",
        "\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe",
        "\N{RIGHT-TO-LEFT EMBEDDING}שלום",
        "closed\N{POP DIRECTIONAL ISOLATE}\N{RIGHT-TO-LEFT OVERRIDE}again",
    ],
)
def test_a_title_reorders_nothing_around_it(browser: Browser, url: str, photo_id: str, title: str):
    def with_title(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"title": title})

    with visit(browser, url) as page:
        page.route(f"**/api/photos/{photo_id}", with_title)
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#title")).to_have_text(title)
        expect(page.locator("#title")).to_have_attribute("dir", "auto")
        assert page.evaluate(IN_ORDER, title) == {"asItIs": False, "isolated": True}


@pytest.mark.usefixtures("stack")
def test_file_that_is_too_large_is_refused_with_a_size_above_the_limit(browser: Browser, url: str):
    with visit(browser, url) as page:
        page.goto("/")
        assert page.evaluate(REFUSAL, 25_000_000) == 25_000_000
        refusal = page.evaluate(REFUSAL, 25_000_001)
        assert refusal == "Too large: 25.1 MB. The limit is 25 MB."


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.usefixtures("id_token")
def test_waiting_page_keeps_its_place_when_the_photo_comes(
    browser: Browser, url: str, gallery: Gallery, event_sources: EventSources, width: int
):
    data = jpeg(240, 320)
    created = gallery.create_photo("Awaited", "image/jpeg", len(data))
    photo_id = created["photo"]["photo_id"]
    with visit(browser, url, viewport={"width": width, "height": 800}) as page:
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#state")).to_contain_text("The thumbnails are being made")
        gallery.upload(created["upload"], data)
        expect(page.locator("#frame img")).to_be_visible()
        event_sources.await_drained(120)
        expect(page.locator("#counted")).to_contain_text("Yours was counted in")


@pytest.mark.usefixtures("event_sources", "id_token")
def test_focus_stays_where_the_work_continues(
    browser: Browser, url: str, gallery: Gallery, tmp_path: Path
):
    photo, letter, notes = (tmp_path / name for name in ("seen.jpg", "illegible.png", "notes.txt"))
    photo.write_bytes(jpeg(240, 320))
    letter.write_bytes(b"Dear gallery,\n" * 99)
    notes.write_bytes(b"Not even called a photo")
    with visit(browser, url, expected=(r"status of 404 .*/photos/",)) as page:
        focused, press = page.locator(":focus"), page.keyboard.press

        def is_in(selector: str) -> bool:
            return bool(page.evaluate("(name) => document.activeElement.matches(name)", selector))

        page.goto("/")
        page.locator("#sign-in").focus()
        press("Enter")
        expect(focused).to_have_id("username")
        press("Escape")
        expect(focused).to_have_id("sign-in")
        sign_in(page)
        expect(focused).to_have_id("sign-out")

        page.locator("#files").set_input_files([photo, letter, notes])
        expect(page.locator("#journeys [data-state=complete]")).to_have_count(1)
        # Other tests may have left a failed photo of the same user.
        failed = page.locator("#journeys [data-state=failed]", has_text="illegible")
        expect(failed).to_have_count(1)
        refused = page.locator("#journeys [data-state=broken]", has_text="notes.txt")
        refused.locator("button").focus()
        press("Enter")
        expect(refused).to_have_count(0)
        assert is_in("#journeys :is(a, button)")
        failed.locator("button").focus()
        press("Enter")
        expect(focused).to_have_text("Cancel")
        press("Tab")
        press("Enter")
        expect(failed).to_have_count(0)
        assert is_in("#journeys :is(a, button)")

        page.locator("#journeys [data-state=complete] a").focus()
        press("Enter")
        expect(page.locator("#delete")).to_be_visible()
        photo_id = page.url.rpartition("=")[2]
        page.locator("#delete").focus()
        press("Enter")
        expect(focused).to_have_text("Cancel")
        press("Escape")
        expect(focused).to_have_id("delete")
        press("Enter")
        expect(focused).to_have_text("Cancel")
        press("Tab")
        press("Enter")
        expect(page.locator("#notice")).to_contain_text("was deleted")
        expect(focused).to_have_id("gallery")
    awaited(lambda: not is_listed(gallery, photo_id))  # the next test would load its images
