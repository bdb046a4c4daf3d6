"""The page in a real browser: paints, blocked time, layout shift, interaction delay, weight.

`python bench/page.py` starts a laptop cloud with 30 photos; `python bench/page.py URL` visits a
running gallery with at least one photo, for example the one of `make up`. It visits the front page
and the page of the newest photo, each time with a new profile. "Phone" has the conditions of
Lighthouse's mobile report: a connection of 1.6 Mbit/s with 150 ms for each round trip, and a
processor that is four times slower. Needs Chromium or Chrome.
"""

import argparse
import contextlib
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from laptop_gallery import deployed
from photos import encode, photo
from playwright.sync_api import Browser, Page, sync_playwright
from results import print_table

from demo.application import publish_page
from demo.client import Gallery
from demo.sign_in import sign_in

PROFILES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True},
    "desktop": {"viewport": {"width": 1350, "height": 940}},
}
SLOW_CONNECTION = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
SLOW_PROCESSOR = 4
PHOTOS = 30
PHOTO = (1600, 1200)
OBSERVERS = """
globalThis.measured = { first: 0, largest: 0, blocked: 0, shift: 0, delay: 0 };
function observe(type, note, options) {
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
  observer.observe({ type, buffered: true, ...options });
}
observe("paint", ({ name, startTime }) => {
  if (name === "first-contentful-paint") measured.first = startTime;
});
observe("largest-contentful-paint", ({ startTime }) => (measured.largest = startTime));
observe("longtask", ({ duration }) => (measured.blocked += Math.max(0, duration - 50)));
observe("layout-shift", ({ value, hadRecentInput }) => {
  if (!hadRecentInput) measured.shift += value;
});
observe("event", ({ duration, interactionId }) => {
  if (interactionId) measured.delay = Math.max(measured.delay, duration);
}, { durationThreshold: 16 });
"""
FIGURES: dict[str, tuple[str, str]] = {
    "first": ("first contentful paint", "{:,.0f} ms"),
    "largest": ("largest contentful paint", "{:,.0f} ms"),
    "blocked": ("total blocking time", "{:,.0f} ms"),
    "shift": ("cumulative layout shift", "{:.4f}"),
    "delay": ("longest delay of an interaction", "{:,.0f} ms"),
    "requests": ("requests", "{:.0f}"),
    "page": ("files of the page, on the wire", "{:,.0f} bytes"),
    "api": ("answers of the API, on the wire", "{:,.0f} bytes"),
    "photos": ("photos, on the wire", "{:,.0f} bytes"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="address of a gallery that runs")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(own_gallery())
        measure(url.rstrip("/"), arguments.rounds)


@contextlib.contextmanager
def own_gallery() -> Iterator[str]:
    """The URL of a gallery on a laptop cloud, with a page of photos."""
    with deployed(None) as at, Gallery(at.url, sign_in(at.cloud, at.outputs)["IdToken"]) as gallery:
        publish_page(at.cloud, at.outputs)
        file = encode(photo(*PHOTO), "JPEG", quality=90)
        for number in range(PHOTOS):
            made = gallery.create_photo(f"Photo {number}", "image/jpeg", len(file))
            gallery.upload(made["upload"], file)
            gallery.settled(made["photo"]["photo_id"])
        yield at.url


def measure(url: str, visits: int) -> None:
    listed = httpx.get(f"{url}/api/photos", trust_env=False, timeout=30).json()["photos"]
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None or not listed:
        sys.exit("This needs Chromium or Chrome, and a gallery with at least one photo.")
    pages = {"front page": "/", "photo": f"/photo.html?id={listed[0]['photo_id']}"}
    columns: dict[str, dict[str, float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, address in pages.items():
            for profile in PROFILES:
                rounds = [visited(browser, url + address, profile) for _ in range(visits)]
                columns[f"{name}, {profile}"] = {key: median(rounds, key) for key in FIGURES}
    print_table(
        "Visits with an empty cache, medians",
        ("", *columns),
        [
            (label, *(form.format(column[key]) for column in columns.values()))
            for key, (label, form) in FIGURES.items()
        ],
    )


def median(rounds: list[dict[str, float]], key: str) -> float:
    return statistics.median(each[key] for each in rounds)


def visited(browser: Browser, address: str, profile: str) -> dict[str, float]:
    """The figures of one visit with an empty cache, and of what a visitor does then."""
    context = browser.new_context(**PROFILES[profile])
    page = context.new_page()
    page.add_init_script(OBSERVERS)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if profile == "phone":
        session.send("Network.emulateNetworkConditions", SLOW_CONNECTION)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_PROCESSOR})
    weights: Counter[str] = Counter(requests=0, page=0, api=0, photos=0)
    kinds: dict[str, str] = {}
    session.on("Network.responseReceived", noting(kinds))
    session.on("Network.loadingFinished", adding(weights, kinds))
    page.goto(address)
    page.locator("#grid li, #frame img").first.wait_for()
    page.wait_for_load_state("networkidle")
    loaded = dict(weights)
    interact(page)
    measured: dict[str, float] = page.evaluate("measured")
    context.close()
    return measured | loaded


def noting(kinds: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    def note(event: dict[str, Any]) -> None:
        path = urlsplit(event["response"]["url"]).path
        folder = path.split("/")[1]
        kinds[event["requestId"]] = folder if folder in ("api", "photos") else "page"

    return note


def adding(weights: Counter[str], kinds: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    def add(event: dict[str, Any]) -> None:
        weights["requests"] += 1
        weights[kinds[event["requestId"]]] += event["encodedDataLength"]

    return add


def interact(page: Page) -> None:
    """Open the sign-in dialog, type, close it, and open the table of a photo's views."""
    page.locator("#sign-in").click()
    page.get_by_label("User name").press_sequentially("someone")
    page.keyboard.press("Escape")
    if page.locator("summary").count():
        page.locator("summary").click()
    page.wait_for_timeout(500)  # until the browser has reported the last interaction


if __name__ == "__main__":
    main()
