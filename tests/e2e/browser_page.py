"""A page of the gallery in a real browser, for the tests of the page."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Route,
    expect,
    sync_playwright,
)

from demo.sign_in import PASSWORD, USER
from localcloud.cloud import STATE

KEPT = STATE / "browser"
TIMEOUT = 60_000  # milliseconds: functions start cold, and three at once
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
API_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d\.\d{3})?Z")
# To the console, whose messages are kept when the page loads another document.
REPORTS = """
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    if (shift.hadRecentInput) continue;
    const nodes = shift.sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
    console.debug(`layout-shift ${JSON.stringify([shift.value, location.pathname, ...nodes])}`);
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`content policy: ${violatedDirective} forbids ${blockedURI}`),
);
"""
# A module of the page's script, by its name in web/.
MODULES = """
globalThis.pageModule = async (name) =>
  (await import(document.querySelector("script[type=module]").src)).modules[name];
"""


@contextlib.contextmanager
def launched_browser(*, required: bool) -> Iterator[Browser]:
    """Chromium or Chrome. Without one the test is skipped, or fails if one is required."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing = "neither chromium nor google-chrome is installed"
        if required:
            pytest.fail(f"CI must not skip the browser tests, but {missing}")
        pytest.skip(f"{missing}: the page is not tested in a browser")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page says that no page should say, and how far things moved under the reader."""

    def __init__(self, page: Page) -> None:
        self.problems: list[str] = []
        self.shifts: list[list[Any]] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        name, _, text = message.text.partition(" ")
        if name == "layout-shift":
            self.shifts.append(json.loads(text))
        elif message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text} ({message.location['url']})")


def move_clock(context: BrowserContext, moment: datetime) -> None:
    """Have the browser's clock, and each time that the API answers with, begin at `moment`."""
    offset = moment - datetime.now(UTC)

    def moved(match: re.Match[str]) -> str:
        time = datetime.fromisoformat(match[0]) + offset
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=API_TIME.sub(moved, response.text()))

    context.clock.install(time=moment)
    context.route("**/api/**", answer)


@contextlib.contextmanager
def visit(
    browser: Browser, url: str, expected: tuple[str, ...] = (), **options: Any
) -> Iterator[Page]:
    """A page of a new profile; errors that the page did not show fail the test at the end.

    `expected` are patterns of what its console may say nonetheless. If something fails, a picture
    and a trace are kept.
    """
    moment = options.pop("moment", None)
    context = browser.new_context(base_url=url, **{"locale": "en-GB", **options})
    context.set_default_timeout(TIMEOUT)
    if moment:
        move_clock(context, moment)
    context.tracing.start(screenshots=True, snapshots=True)
    context.add_init_script(REPORTS)
    context.add_init_script(MODULES)
    page = context.new_page()
    watch = Watch(page)
    try:
        yield page
        problems = [
            each for each in watch.problems if not any(re.search(it, each) for it in expected)
        ]
        assert problems == []
        assert sum(shift[0] for shift in watch.shifts) < 0.02, watch.shifts
    except BaseException:
        name = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].split(" ")[0]
        picture, trace = KEPT / f"{name}.png", KEPT / f"{name}.zip"
        page.screenshot(path=picture, full_page=True)
        context.tracing.stop(path=trace)
        print(f"The page when it failed: {picture}")
        print(f"How it came to that: playwright show-trace {trace}")
        print(f"It said: {watch.problems or 'nothing'}")
        raise
    finally:
        # A page that polls has a request under way when the context closes.
        context.unroute_all(behavior="ignoreErrors")
        context.close()


def sign_in(page: Page) -> None:
    page.locator("#sign-in").click()
    dialog = page.locator("#sign-in-dialog")
    dialog.get_by_label("User name").fill(USER)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.locator("#user-name")).to_have_text(USER)


def tile(page: Page, photo_id: str | None) -> Locator:
    return page.locator(f"#grid li[data-photo-id='{photo_id}']")
