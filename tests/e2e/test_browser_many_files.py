"""Many files at once: what fails is retried together, new files come first, tiles are laid out."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.browser_page import sign_in, tile, visit
from tests.support.gallery_photos import jpeg

# The pairs of elements that overlap in any frame, from now until all animations of them end.
OVERLAPS = """
globalThis.overlaps = async (selector) => {
  const found = new Set();
  let moving = true;
  while (moving) {
    const elements = [...document.querySelectorAll(selector)];
    const boxes = elements.map((each) => each.getBoundingClientRect());
    for (const [index, a] of boxes.entries()) {
      for (const b of boxes.slice(index + 1)) {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 1 && height > 1) found.add(`${index} and ${boxes.indexOf(b)}`);
      }
    }
    moving = elements.some((each) => each.getAnimations().length);
    await new Promise(requestAnimationFrame);
  }
  return [...found];
};
"""
# Adds nine photos, one after the other, and answers how many appear at once, and what overlaps.
ADDED = """
async (id) => {
  const { addPhotos } = await pageModule("grid.js");
  const photo = await fetch(`/api/photos/${id}`).then((answer) => answer.json());
  const added = new Promise((done) =>
    new MutationObserver((changes, observer) => {
      observer.disconnect();
      done(changes.flatMap(({ addedNodes }) => [...addedNodes]).length);
    }).observe(document.getElementById("grid"), { childList: true }),
  );
  for (let number = 0; number < 9; number += 1) {
    const newer = `09999999-0000-7000-8000-00000000000${number}`;
    addPhotos([{ ...photo, photo_id: newer, width: 100 + 90 * number, height: 300 }]);
    await null;
  }
  return [await added, await overlaps("#grid li")];
}
"""
# Adds rows, lets the last one fail, and so go to the top, and answers what overlaps.
MOVED = """
async () => {
  const { addFirst, fail } = await pageModule("journeys.js");
  const { UserError } = await pageModule("dom.js");
  const row = (title) => ({ title, state: "queued", times: {}, share: null });
  const rows = ["a", "b", "c"].map(row);
  addFirst(rows);
  const added = await overlaps("#journeys li");
  fail(rows[2], new UserError("Refused"), []);
  return [...added, ...(await overlaps("#journeys li"))];
}
"""


@pytest.mark.usefixtures("event_sources", "id_token")
def test_failed_files_come_first_and_are_retried_together(
    browser: Browser, url: str, tmp_path: Path
):
    files = [tmp_path / name for name in ("good.jpg", "late.jpg", "later.jpg", "notes.txt")]
    for file in files:
        file.write_bytes(jpeg(240, 320))

    def refuse_late(route: Route) -> None:
        if "late" in (route.request.post_data or ""):
            return route.fulfill(status=403, json={"detail": "Refused by this test."})
        return route.fallback()

    def no_own_photos(route: Route) -> None:
        route.fulfill(json={"photos": [], "cursor": None})

    with visit(browser, url, expected=("status of 403",)) as page:
        page.goto("/")
        page.route("**/api/me/photos", no_own_photos)
        sign_in(page)
        page.route("**/api/photos", refuse_late)
        page.locator("#files").set_input_files(files)
        totals = page.locator("#totals")
        expect(totals).to_contain_text("1 of 4 complete, 3 failed")
        expect(totals.locator("progress")).to_have_js_property("position", 0.25)
        rows = page.locator("#journeys li")
        for index in range(3):
            expect(rows.nth(index)).to_have_attribute("data-state", "broken")
        expect(rows.filter(has_text="late")).to_contain_text(["Refused by this test."] * 2)

        page.unroute("**/api/photos")
        page.get_by_role("button", name="Retry failed").click()
        expect(page.locator(":focus")).to_have_id("choose")
        expect(totals).to_contain_text("3 of 4 complete, 1 failed")
        expect(page.get_by_role("button", name="Retry failed")).to_be_hidden()
        expect(rows.first).to_contain_text("notes.txt")  # no retry can help


@pytest.mark.usefixtures("event_sources", "id_token")
def test_list_of_many_files_shows_that_it_scrolls(browser: Browser, url: str, tmp_path: Path):
    files = [tmp_path / f"{number}.txt" for number in range(9)]
    for file in files:
        file.write_bytes(b"Dear gallery")
    for width in (360, 1280):
        with visit(browser, url, viewport={"width": width, "height": 800}) as page:
            page.goto("/")
            page.locator("#files").set_input_files(files)
            expect(page.locator("#totals")).to_contain_text("0 of 9 complete, 9 failed")
            assert share_of_the_last_row_in_view(page) == pytest.approx(0.5, abs=0.3)
            bar = page.locator("#totals progress").bounding_box()
            assert bar is not None
            assert bar["width"] > 250


@pytest.mark.usefixtures("stack")
def test_row_of_the_next_file_is_in_view_above_earlier_failures(
    browser: Browser, url: str, tmp_path: Path
):
    refused = [tmp_path / f"{number}.txt" for number in range(9)]
    later = [tmp_path / "photo.jpg", tmp_path / "late.txt"]
    for file in (*refused, *later):
        file.write_bytes(jpeg(240, 320))
    with visit(browser, url) as page:
        page.goto("/")
        page.locator("#files").set_input_files(refused)
        expect(page.locator("#totals")).to_contain_text("0 of 9 complete, 9 failed")
        rows = page.locator("#journeys li")
        rows.nth(8).scroll_into_view_if_needed()
        page.locator("#files").set_input_files(later)
        expect(rows.first).to_contain_text("late.txt")  # failures come first among these two
        expect(rows.first).to_have_attribute("data-state", "broken")
        expect(rows.nth(1)).to_contain_text("photo")
        expect(rows.nth(1)).to_be_in_viewport()


def share_of_the_last_row_in_view(page: Page) -> float:
    share: float = page.evaluate(
        """() => {
          const list = document.querySelector(".scroll");
          const row = list.querySelector("li").getBoundingClientRect().height;
          return (list.clientHeight / row) % 1;
        }"""
    )
    return share


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_tiles_and_rows_are_laid_out_together_and_never_overlap(
    browser: Browser, url: str, photo_id: str, motion: Any
):
    with visit(browser, url, reduced_motion=motion) as page:
        page.add_init_script(OVERLAPS)
        page.goto("/")
        expect(tile(page, photo_id)).to_contain_class("loaded")
        assert page.evaluate(ADDED, photo_id) == [9, []]
        assert page.evaluate(MOVED) == []
