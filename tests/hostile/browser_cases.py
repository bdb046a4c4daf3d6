"""Titles, ids and files that try to run a script in the page of a viewer."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlsplit

from playwright.sync_api import Page, sync_playwright

from tests.hostile.case import Attack
from tests.hostile.target import Target, small_photo
from tests.hostile.upload_cases import upload

CLEAN: Final = "no script ran"
NOT_RUN: Final = "not run: there is no chromium and no google-chrome on PATH"
_TIMEOUT_MILLISECONDS: Final = 60_000
_FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_REPORTS: Final = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`content policy: ${violatedDirective} forbids ${blockedURI}`),
);
"""
SCRIPTS: Final = (
    "<script>window.hostile=1</script>",
    "<img src=x onerror=window.hostile=1>",
    '"><svg/onload=window.hostile=1>',
    "'><iframe srcdoc='<script>parent.hostile=1</script>'>",
    "</title><script>window.hostile=1</script>",
    "</h1><script src=http://127.0.0.1:9/a.js></script>",
    "javascript:window.hostile=1",
    "<a href=javascript:window.hostile=1>x</a>",
    "&lt;script&gt;window.hostile=1&lt;/script&gt;",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.hostile=1>",
    "{{constructor.constructor('window.hostile=1')()}}",
    "${window.hostile=1}",
    "<!--<img src=--><img src=x onerror=window.hostile=1>",
    "<base href=http://127.0.0.1:9/>",
    "<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/>",
    "<style>@import 'http://127.0.0.1:9/a.css'</style>",
    "\u2028window.hostile=1\u2029",
    "<scr\0ipt>window.hostile=1</scr\0ipt>",
    "\u202e<img src=x onerror=window.hostile=1>",
)


def scripts() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Scripts in each text of a photo that pages show: title, id and error."""
    yield "titles on the page of a photo", (CLEAN,), on_photo_page
    yield "titles in the list", (CLEAN,), in_list
    yield "ids in the query of a page", (CLEAN,), in_query
    yield "files that are HTML and SVG", (CLEAN,), as_files
    yield "paths of missing pages", (CLEAN,), in_paths


class PageMonitor:
    """Records actions that no page of the gallery performs."""

    def __init__(self, page: Page, own: set[int]) -> None:
        self.seen: list[str] = []
        self._own = own
        page.on("dialog", lambda dialog: (self.seen.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self._note_request(request.url))
        page.on("console", lambda message: self._note_violation(message.text))

    def _note_request(self, url: str) -> None:
        place = urlsplit(url)
        if place.scheme not in {"blob", "data"} and place.port not in self._own:
            self.seen.append(f"request to {url}")

    def _note_violation(self, text: str) -> None:
        if text.startswith("content policy:"):
            self.seen.append(text)


@contextlib.contextmanager
def visited(target: Target) -> Iterator[tuple[Page, PageMonitor]]:
    """A page of a new browser profile."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            url = f"http://{target.edge.host}:{target.edge.port}"
            context = browser.new_context(base_url=url)
            context.set_default_timeout(_TIMEOUT_MILLISECONDS)
            context.add_init_script(_REPORTS)
            page = context.new_page()
            yield page, PageMonitor(page, {target.edge.port, target.api.port})
        finally:
            browser.close()


def effect(page: Page, monitor: PageMonitor, payload: str) -> str:
    """What the payload did on the page that is shown; CLEAN if nothing."""
    if page.evaluate("window.hostile") is not None:
        monitor.seen.append("the script ran")
    # The gallery shows text: markup of a title would be an element that its pages do not have.
    # Their configuration is a block of data, which is not executed.
    foreign = (
        "script:not([src^='/'], head > #configuration[type='application/json']), iframe, math,"
        " base, meta[http-equiv], style, [onerror], [onload]"
    )
    if found := page.evaluate(f"document.querySelectorAll({json.dumps(foreign)}).length"):
        monitor.seen.append(f"{found} elements of the payload are in the page")
    return f"{payload!r}: {monitor.seen}" if monitor.seen else CLEAN


def in_chromium(attack: Attack) -> Attack:
    """The attack, if there is a browser."""

    def attack_if_possible(target: Target) -> str:
        if not (shutil.which("chromium") or shutil.which("google-chrome")):
            return NOT_RUN
        return attack(target)

    return attack_if_possible


@in_chromium
def on_photo_page(target: Target) -> str:
    with visited(target) as (page, monitor):
        for title in SCRIPTS:
            photo_id = target.create(title=title)["photo"]["photo_id"]
            page.goto(f"/photo.html?id={photo_id}")
            page.locator("#title").wait_for(state="visible")
            if (found := effect(page, monitor, title)) != CLEAN:
                return found
    return CLEAN


@in_chromium
def in_list(target: Target) -> str:
    photo_ids = [uploaded(target, title) for title in SCRIPTS]
    target.await_listed(photo_ids)
    with visited(target) as (page, monitor):
        page.goto("/")
        for photo_id in photo_ids:
            page.locator(f"#grid li[data-photo-id='{photo_id}']").wait_for(state="attached")
        return effect(page, monitor, "a title")


@in_chromium
def in_query(target: Target) -> str:
    with visited(target) as (page, monitor):
        for payload in SCRIPTS:
            for query in (f"id={quote(payload)}", f"{quote(payload)}", f"id=x#{quote(payload)}"):
                page.goto(f"/photo.html?{query}")
                page.locator("#missing-title").wait_for(state="visible")
                if (found := effect(page, monitor, payload)) != CLEAN:
                    return found
    return CLEAN


@in_chromium
def as_files(target: Target) -> str:
    html = b"<!DOCTYPE html><script>window.hostile=1</script>"
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>window.hostile=1</script></svg>"
    with visited(target) as (page, monitor):
        for data in (html, svg, small_photo() + html, b"GIF89a/*" + html + b"*/"):
            photo_id = uploaded(target, "A file", data)
            page.goto(f"/photo.html?id={photo_id}")
            page.locator("#title").wait_for(state="visible")
            found = [effect(page, monitor, repr(data[:20]))]
            for rendition in target.settled(photo_id)["renditions"].values():
                page.goto(rendition["path"])
                found.append(effect_outside_the_gallery(page, monitor))
            if set(found) != {CLEAN}:
                return str(found)
    return CLEAN


@in_chromium
def in_paths(target: Target) -> str:
    with visited(target) as (page, monitor):
        for payload in SCRIPTS:
            for start in ("/", "/photos/", "/api/"):
                page.goto(f"{start}{quote(payload, safe='')}.html")
                if (found := effect_outside_the_gallery(page, monitor)) != CLEAN:
                    return f"{payload!r} below {start}: {found}"
    return CLEAN


def effect_outside_the_gallery(page: Page, monitor: PageMonitor) -> str:
    """As `effect`, for a document that is not a page of the gallery: the browser's own viewer."""
    if page.evaluate("window.hostile") is not None:
        monitor.seen.append("the script ran")
    # Chromium shows images and XML by documents of its own, whose styles the policy refuses.
    seen = [each for each in monitor.seen if not each.startswith("content policy: style-src-")]
    monitor.seen.clear()
    return str(seen) if seen else CLEAN


def uploaded(target: Target, title: str, data: bytes | None = None) -> str:
    """The id of a photo of this title, once it is READY or FAILED."""
    data = small_photo() if data is None else data
    created = target.create(title=title, size=len(data))
    photo_id = str(created["photo"]["photo_id"])
    upload(target, created["upload"], data)
    target.settled(photo_id)
    return photo_id
