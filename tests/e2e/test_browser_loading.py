"""How a page loads: its files, and what is seen before all of its HTML has arrived."""

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.e2e.browser_page import visit

# Loads the page again, and lets the browser paint before each element.
LOAD_SLOWLY = """async () => {
  const html = await fetch(location.href).then((answer) => answer.text());
  const painted = () =>
    new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const body = html.indexOf("<body"); // nothing is painted before it
  const pieces = html.slice(body).split(/(?=<(?:section|figure|li|figcaption|div|dl|p)[ >])/);
  document.open();
  document.write(html.slice(0, body));
  for (const piece of pieces) {
    document.write(piece);
    await painted();
  }
  document.close();
  return pieces.length;
}"""


@pytest.mark.parametrize("address", ["/", "/photo.html?id={photo_id}"])
def test_first_visit_loads_four_small_files_and_the_next_one_only_the_page(
    browser: Browser, url: str, photo_id: str, address: str
):
    address = address.format(photo_id=photo_id)
    image = f"#grid [data-photo-id='{photo_id}'].loaded, #frame img"
    weights: dict[str, int] = {}
    with visit(browser, url) as page:

        def weigh(answer: Response) -> None:
            path = urlsplit(answer.url).path
            if not path.startswith(("/photos/", "/api/")):
                assert path not in weights
                weights[path] = len(gzip.compress(answer.body()))

        page.on("requestfinished", lambda request: weigh(request.response()))
        page.goto(address)
        expect(page.locator(image)).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert sorted(Path(path).suffix for path in weights) == sorted(
            [Path(urlsplit(address).path).suffix, ".css", ".js", ".svg"]
        )
        assert sum(weights.values()) < 30_000, weights
        page.goto(address)
        expect(page.locator(image)).to_be_visible()
        loaded_again: list[str] = page.evaluate(
            """performance.getEntriesByType("resource")
            .filter(({ transferSize, name }) => transferSize && !name.includes("/api/"))
            .map(({ name }) => name)"""
        )
        assert loaded_again == []


@pytest.mark.parametrize("address", ["/", "/photo.html?id={photo_id}"])
def test_nothing_moves_while_the_html_arrives(
    browser: Browser, url: str, photo_id: str, address: str
):
    for width in (360, 1280):
        viewport = {"width": width, "height": 800}
        # The page's content security policy forbids document.write.
        with visit(browser, url, viewport=viewport, bypass_csp=True) as page:
            page.goto(address.format(photo_id=photo_id))
            page.wait_for_load_state("networkidle")
            assert page.evaluate(LOAD_SLOWLY) > 10
            page.wait_for_load_state("networkidle")
